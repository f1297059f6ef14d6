/** The stages that train: target, draft start, reference, arm. All are `trainStage` under another filter and loss. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import {
  type Architecture,
  Filter,
  type FilterUse,
  filterLayer,
  type InvalidInput,
  Loss,
  type LossUse,
  lossLayer,
  type Model,
  type ModelUse,
  type Reference,
  Target,
} from "@winnow/core"
import { batches, type EncodedTask } from "@winnow/data"
import { initialise, parameterCount, saveModel } from "@winnow/models"
import {
  type CachedSignals,
  earlierCheckpoint,
  frozenReference,
  movingAverage,
  notLoaded,
  referenceNeeds,
  type SignalsOptions,
  type TrainEvent,
  trainStage,
} from "@winnow/training"
import { Effect, Layer } from "effect"
import { trainingFlops } from "../budget.ts"
import { plain, plainSpec, type ResolvedArm, type ResolvedReference, type Training } from "../experiment/resolve.ts"
import { instancesOf } from "../experiment/uses.ts"
import { everyToken, nextToken } from "../plain-training.ts"
import { metricsFile, readMetrics, type Stage, type StageContext, stage } from "../stage.ts"
import { pluginCode, tensorCodeVersion } from "../store/code-version.ts"
import { type Artifact, checkpoints } from "../store/store.ts"
import { held, openModel, openTarget } from "./models.ts"
import { openReferenceSignals, openTargetSignals, type ReferenceSignals } from "./signals.ts"
import { readSplit } from "./text.ts"

const code = () =>
  tensorCodeVersion(["numerics", "tensor", "core", "data", "models", "training", "lab/src/stages/train.ts"])

/** At least this long between two checkpoints: a kill costs half a minute at most. */
const checkpointSeconds = 20

const trainingFields = ({ steps, batchSize, microBatches, optimizer, precision }: Training) => ({
  steps,
  batchSize,
  microBatches,
  optimizer,
  precision,
})

/** What one training run adds to its stage's summary. */
const train = (
  context: StageContext,
  options: {
    readonly label: string
    readonly model: Model
    readonly training: Training
    readonly data: EncodedTask
    readonly seed: number
    readonly target?: Model | undefined
    readonly reference?: Model | undefined
    readonly signals?: { readonly options: SignalsOptions; readonly cached: CachedSignals } | undefined
  },
) =>
  Effect.gen(function* () {
    const { label, model, training, data, seed } = options
    const { steps, batchSize, microBatches, optimizer, precision } = training
    const [filter, loss] = [yield* Filter, yield* Loss]
    const started = performance.now()
    let tokensAtStart: number | undefined
    const onEvent = (event: TrainEvent) => {
      context.metric(event)
      if (event._tag !== "step") return
      tokensAtStart ??= event.tokensSeen
      const rate = Math.round((event.tokensSeen - tokensAtStart) / ((performance.now() - started) / 1000))
      context.progress(event.step, steps, `loss ${event.loss.toFixed(3)}${rate > 0 ? `  ${rate} tokens/s` : ""}`)
    }
    const summary = yield* trainStage({
      stage: label,
      model,
      batches: batches(data.examples, { batchSize, seed }),
      steps,
      microBatches,
      optimizer,
      precision,
      seed,
      ...(options.signals && { signals: options.signals.cached }),
      checkpoint: {
        directory: join(context.directory, checkpoints),
        identity: context.key,
        everySeconds: checkpointSeconds,
      },
      onEvent,
    })
    yield* saveModel(model, context.directory)
    const events = compactEvents(context.directory)
    const valid = events.reduce((sum, e) => sum + e.valid, 0)
    const T = data.tokens / data.examples.length
    const { architecture } = model
    const flops = trainingFlops(
      { seen: summary.tokensSeen, valid, trained: summary.tokensTrained },
      {
        draft: architecture,
        target: options.target?.architecture,
        reference: options.reference?.architecture,
        needs: filter.needs,
        lossNeedsTarget: loss.target,
        lossReadsBatch: loss.batch !== undefined,
        ...(options.signals && { signals: options.signals.options }),
        T,
      },
    )
    return { ...summary, tokensValid: Math.round(valid), flops, parameters: parameterCount(architecture) }
  })

/**
 * Leaves each step once in metrics.jsonl: what came after the checkpoint that a run resumed from was done again.
 *
 * @returns the valid tokens of each step
 */
const compactEvents = (directory: string): ReadonlyArray<{ readonly valid: number }> => {
  let lines: Array<TrainEvent> = []
  for (const event of readMetrics(directory) as unknown as ReadonlyArray<TrainEvent>) {
    if (event._tag === "resumed") lines = lines.filter((e) => e.step <= event.step)
    // An attempt that had written no checkpoint begins again at 1, without a word.
    else if (event._tag === "step" && event.step === 1) lines = []
    lines.push(event)
  }
  writeFileSync(join(directory, metricsFile), lines.map((e) => `${JSON.stringify(e)}\n`).join(""))
  let before = 0
  return lines.flatMap((e) => {
    if (e._tag !== "step") return []
    const trained = e.tokensTrained - before
    before = e.tokensTrained
    return [{ valid: trained / e.keptFraction }]
  })
}

const plainLayers = Layer.merge(filterLayer(everyToken()), lossLayer(nextToken()))

/** Rough work of a stage that has not run: tokens from the mean length, whatever the filter keeps. */
export interface Sizes {
  /** Mean tokens of an example, and of its trained part. */
  readonly length: number
  readonly trained: number
  /** Examples of the training split, where the data is there. */
  readonly examples?: number
}

const workOf = (
  training: Training,
  sizes: Sizes,
  passes: Omit<Parameters<typeof trainingFlops>[1], "T">,
  kept = 1,
): Stage["work"] => {
  const sequences = training.steps * training.batchSize * training.microBatches
  const seen = Math.round(sequences * sizes.length)
  const valid = Math.round(sequences * sizes.trained)
  const flops = trainingFlops({ seen, valid, trained: valid * kept }, { ...passes, T: sizes.length })
  return { parameters: parameterCount(passes.draft), steps: training.steps, tokens: seen, flops }
}

const noPasses = { needs: [], lossNeedsTarget: false, lossReadsBatch: false } as const

/** A target, or a draft's start: a fresh model of this architecture, trained on the text by cross-entropy. */
export const pretrainStage = (spec: {
  readonly kind: "target" | "start"
  readonly label: string
  readonly model: ModelUse
  readonly training: Training
  readonly data: Stage
  readonly seed: number
  readonly sizes: Sizes
}): Effect.Effect<Stage, InvalidInput> =>
  Effect.gen(function* () {
    const { kind, label, model, training, data, seed, sizes } = spec
    const architecture = yield* model.instance
    return stage({
      kind,
      label,
      config: { model: yield* plain(model), ...trainingFields(training) },
      inputs: [data],
      code: [code()],
      seed,
      unit: "steps",
      work: workOf(training, sizes, { draft: architecture, ...noPasses }),
      run: (context) =>
        Effect.gen(function* () {
          const fresh = yield* held(Effect.sync(() => initialise(architecture, seed)))
          const text = yield* readSplit(context.inputs[0]!, "train")
          return yield* train(context, { label, model: fresh, training, data: text, seed }).pipe(
            Effect.provide(plainLayers),
          )
        }).pipe(Effect.scoped),
    })
  })

/** Inputs of the stages that distil. */
export interface Distilling {
  readonly data: Stage
  readonly target: Stage
  readonly start: Stage
  readonly seed: number
  readonly sizes: Sizes
  readonly architectures: { readonly draft: Architecture; readonly target: Architecture }
}

/** A frozen reference that needs no target: the start, trained on the clean text by cross-entropy. */
export const cleanTextStage = (
  spec: Extract<ResolvedReference, { kind: "clean-text" }>,
  { data, start, seed, sizes, architectures }: Distilling,
): Stage => {
  const label = `reference (clean text), seed ${seed}`
  return stage({
    kind: "reference",
    label,
    config: { kind: spec.kind, ...trainingFields(spec) },
    inputs: [data, start],
    code: [code()],
    seed,
    unit: "steps",
    work: workOf(spec, sizes, { ...noPasses, draft: architectures.draft }),
    run: (context) =>
      Effect.gen(function* () {
        const [text, begin] = context.inputs
        const model = yield* openModel(begin!.directory)
        const data = yield* readSplit(text!, "train")
        return yield* train(context, { label, model, training: spec, data, seed }).pipe(Effect.provide(plainLayers))
      }).pipe(Effect.scoped),
  })
}

/** What an arm's steps will cost, from what its filter and loss say of themselves. */
const armWork = (arm: Omit<ResolvedArm, "config">, sizes: Sizes, { draft, target }: Distilling["architectures"]) =>
  Effect.gen(function* () {
    const { filter, loss } = yield* instancesOf(arm)
    const { k } = yield* arm.filter.decoded
    return workOf(
      arm,
      sizes,
      {
        draft,
        target,
        reference: draft,
        needs: filter.needs,
        lossNeedsTarget: loss.target,
        lossReadsBatch: loss.batch !== undefined,
        signals: arm.signals,
      },
      typeof k === "number" ? k : 1,
    )
  })

/** Caches that an arm reads in the place of frozen models. */
export interface SignalStages {
  readonly target?: Stage | undefined
  readonly reference?: Stage | undefined
}

/** What an arm asks of the cache of its reference. */
export const referenceSignalsOf = (
  arm: Pick<ResolvedArm, "filter" | "loss" | "signals">,
): Effect.Effect<ReferenceSignals, InvalidInput> =>
  Effect.map(instancesOf(arm), (use) => ({
    statistics: referenceNeeds(use),
    loss: arm.loss,
    form: arm.signals.target,
  }))

/** One arm under one seed, or a distilled reference: filter, loss, target and reference are the layers of one program. */
export const armStage = (
  arm: Omit<ResolvedArm, "config">,
  reference: Stage | undefined,
  signals: SignalStages,
  { data, target, start, seed, sizes, architectures }: Distilling,
): Effect.Effect<Stage, InvalidInput> =>
  Effect.gen(function* () {
    const label = `${arm.name.startsWith("reference") ? "" : "arm "}${arm.name}, seed ${seed}`
    const { reference: referenceSpec, name: _, ...spec } = arm
    const following = referenceSpec?.kind === "checkpoint" || referenceSpec?.kind === "average"
    const cached = signals.target !== undefined || signals.reference !== undefined
    // Frozen models are inputs even where their signals are cached: a cache says whose it is, and is checked against them.
    const inputs = {
      data,
      start,
      target,
      reference,
      targetSignals: signals.target,
      referenceSignals: signals.reference,
    }
    const given = Object.entries(inputs).flatMap(([name, input]) => (input ? [{ name, input }] : []))
    return stage({
      kind: "arm",
      label,
      // The arm's name is not in its key: two arms that do the same are one artifact.
      config: yield* plainSpec({
        filter: spec.filter,
        loss: spec.loss,
        ...trainingFields(spec),
        ...(following ? { reference: referenceSpec } : {}),
        ...(cached ? { signals: spec.signals } : {}),
      }),
      inputs: given.map(({ input }) => input),
      code: [code(), pluginCode(arm.filter), pluginCode(arm.loss)],
      seed,
      unit: "steps",
      work: yield* armWork(arm, sizes, architectures),
      run: (context) =>
        Effect.gen(function* () {
          const artifact = (name: keyof typeof inputs): Artifact | undefined =>
            context.inputs[given.findIndex((g) => g.name === name)]
          const [ofTarget, ofReference] = [artifact("targetSignals"), artifact("referenceSignals")]
          const [textArtifact, frozen, compared] = [artifact("data")!, artifact("target")!, artifact("reference")]
          const draft = yield* openModel(artifact("start")!.directory)
          const text = yield* readSplit(textArtifact, "train")
          const target = ofTarget ? notLoaded(architectures.target, "target") : yield* openTarget(frozen)
          const model =
            compared &&
            (ofReference ? notLoaded(architectures.draft, "reference") : yield* openModel(compared.directory))
          const of = { target: frozen, data: textArtifact, text }
          const form = spec.signals.target
          const read: CachedSignals = {
            ...(ofTarget && form !== "live" && { target: yield* openTargetSignals(form, ofTarget, of) }),
            ...(ofReference &&
              compared && {
                reference: yield* openReferenceSignals(yield* referenceSignalsOf(arm), ofReference, compared, of),
              }),
          }
          const referenceLayer =
            referenceSpec?.kind === "checkpoint"
              ? earlierCheckpoint(draft, referenceSpec.every)
              : referenceSpec?.kind === "average"
                ? movingAverage(draft, referenceSpec.decay)
                : model
                  ? frozenReference(model)
                  : // `resolve` has seen that this arm's filter asks for none.
                    (Layer.empty as unknown as Layer.Layer<Reference>)
          const services = Layer.merge(Layer.succeed(Target, target), referenceLayer)
          const layers = Layer.merge(
            filterLayer(arm.filter as FilterUse<Reference | Target>),
            lossLayer(arm.loss as LossUse<Target>),
          )
          return yield* train(context, {
            label,
            model: draft,
            training: arm,
            data: text,
            seed,
            target,
            reference: referenceSpec && (model ?? draft),
            signals: { options: spec.signals, cached: read },
          }).pipe(Effect.provide(Layer.provideMerge(layers, services)))
        }).pipe(Effect.scoped),
    })
  })
