/** The work of every training stage: the steps with checkpoints and events, the weights, and their cost. */
import { cpSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import {
  type Draft,
  Filter,
  type HeadUse,
  InvalidInput,
  isDraftHead,
  Loss,
  type ObjectiveUse,
  type ServiceUse,
} from "@winnow/core"
import { batches, type EncodedTask, passSize, usualBucket } from "@winnow/data"
import { isPrivate, parameterCount, saveModel } from "@winnow/models"
import { group } from "@winnow/tensor"
import {
  type CachedSignals,
  modelsTogether,
  type OwnText,
  type Probe,
  type SignalsOptions,
  type SourceLosses,
  type TrainEvent,
  trainStage,
} from "@winnow/training"
import { Effect } from "effect"
import { headParameters, type Passes, serviceFlops, textsOf, trainingFlops, writingFlops } from "../budget.ts"
import { plainSpec } from "../experiment/plain-json.ts"
import type { Training } from "../experiment/training-spec.ts"
import { metricsFile, readMetrics, type Stage, type StageContext } from "../stage.ts"
import { checkpoints } from "../store/store.ts"
import { trunkFolder } from "./models.ts"
import { probeFlops, writeProbe } from "./probe.ts"
import { saveTrainedHead } from "./trained-head.ts"
import { architectureAfter, isPartial, partOf, saveTrained } from "./trained-model.ts"

/**
 * The least time between two checkpoints: a kill costs about half a minute of work. WINNOW_CHECKPOINT_SECONDS sets another
 * time. A slow disk needs a longer time; tests that kill a run set almost zero.
 *
 * @error InvalidInput where it is anything but a number of at least 0
 */
export const checkpointSeconds = (
  asked = process.env["WINNOW_CHECKPOINT_SECONDS"],
): Effect.Effect<number, InvalidInput> => {
  if (asked === undefined || asked === "") return Effect.succeed(20)
  const seconds = Number(asked)
  if (Number.isFinite(seconds) && seconds >= 0) return Effect.succeed(seconds)
  const problems = [`it is ${JSON.stringify(asked.slice(0, 40))}, expected seconds from 0 on, such as 60; or unset it`]
  return Effect.fail(new InvalidInput({ what: "WINNOW_CHECKPOINT_SECONDS", problems }))
}

/** The settings of a training stage that enter its key. */
export const trainingFields = (training: Training): Effect.Effect<Record<string, unknown>, InvalidInput> => {
  const { steps, batchSize, microBatches, batch, optimizer: whole, precision, objective, frozen, adapters } = training
  // An average with a decay of 0 is none.
  const { average, ...optimizer } = whole
  const usual = batch === undefined || (batch.rows === "padded" && batch.bucket === usualBucket)
  const arranged = usual ? {} : { batch }
  return plainSpec({
    ...{ steps, batchSize, microBatches, ...arranged },
    optimizer: average ? { ...optimizer, average } : optimizer,
    ...{ precision, objective, frozen, adapters },
  })
}

/** The plugins among the settings of a training stage, for the code in its key. */
export const trainingPlugins = ({ objective }: Training): ReadonlyArray<ObjectiveUse> =>
  objective === undefined ? [] : [objective]

/** Folder of an artifact with the state that a longer training goes on from. */
const stateFolder = "state"

/** A training that a search cuts short, or that goes on where a shorter one ended. */
export interface Cut {
  /** Steps after which it ends; left out: all of the training. */
  readonly until?: number | undefined
  /** The same training with fewer steps. */
  readonly continues?: Stage | undefined
}

/** Trains, saves the weights, and returns what the run adds to its stage's summary. */
export const train = (
  context: StageContext,
  options: {
    readonly label: string
    /** With the part to train, as `trainedModel` has it. */
    readonly model: Draft
    /** The plugin of a head. */
    readonly head?: HeadUse | undefined
    readonly training: Training
    /** Steps after which it ends, where these are not all of the training. */
    readonly until?: number | undefined
    /** True if a longer training may go on from its state, which its artifact then has. */
    readonly keepsState?: boolean | undefined
    readonly data: EncodedTask
    readonly seed: number
    /** Text that the model writes between its steps. */
    readonly ownText?: OwnText | undefined
    /** Losses of the parts of its text. */
    readonly sources?: SourceLosses | undefined
    readonly signals?: { readonly options: SignalsOptions; readonly cached: CachedSignals } | undefined
    /** Services that its filter and loss ask about the texts. */
    readonly services?: ReadonlyArray<ServiceUse>
    /** Records the filter's choices among these tokens. */
    readonly probe?: (Probe & { readonly corrupted_N?: Uint8Array | undefined }) | undefined
  },
) =>
  Effect.gen(function* () {
    const { label, training, until = training.steps, data, seed } = options
    const { model } = options
    const { architecture } = isDraftHead(model) ? model.target : model
    const head = options.head && (yield* options.head.instance).on(architecture)
    const part = isDraftHead(model) ? undefined : yield* partOf(label, architecture, training)
    const { steps, batchSize, microBatches, optimizer, precision } = training
    const [filter, loss] = [yield* Filter, yield* Loss]
    const everySeconds = yield* checkpointSeconds()
    const objective = training.objective && {
      instance: yield* training.objective.instance,
      vocabularySize: architecture.vocabularySize,
      steps,
      microBatches,
    }
    const started = performance.now()
    let tokensAtStart: number | undefined
    const onEvent = (event: TrainEvent) => {
      if (event._tag === "note") return context.warn(event.text)
      context.metric(event)
      if (event._tag !== "step") return
      tokensAtStart ??= event.tokensSeen
      const rate = Math.round((event.tokensSeen - tokensAtStart) / ((performance.now() - started) / 1000))
      context.progress(event.step, until, `loss ${event.loss.toFixed(3)}${rate > 0 ? `, ${rate} tokens/s` : ""}`)
    }
    const { probed, ...summary } = yield* trainStage({
      stage: label,
      model,
      batches: batches(data.examples, {
        ...{ batchSize, seed, objective, ...training.batch },
        ...(data.pass && { pass: data.pass }),
      }),
      steps,
      until,
      microBatches,
      ownText: options.ownText,
      sources: options.sources,
      optimizer,
      precision,
      seed,
      ...(options.signals && { signals: options.signals.cached }),
      checkpoint: {
        directory: join(context.directory, checkpoints),
        identity: context.key,
        everySeconds,
        from: context.before && {
          directory: join(context.before.directory, stateFolder),
          identity: context.before.key,
        },
      },
      onEvent,
      probe: options.probe,
      group: group(),
    })
    // Of several processes only the first has checkpoints.
    if (options.keepsState === true && !group()?.rank)
      cpSync(join(context.directory, checkpoints), join(context.directory, stateFolder), { recursive: true })
    if (!isDraftHead(model)) yield* saveTrained(model, context.directory)
    else {
      if (model.trunk) yield* saveModel(model.trunk, join(context.directory, trunkFolder))
      yield* saveTrainedHead(model, options.head!, training, context.directory) // its stage has the plugin
    }
    compactEvents(context.directory)
    const movesTrunk = isDraftHead(model) && model.trunk !== undefined
    const { tokens, examples } = passSize(data)
    const T = tokens / examples
    const ofSources = options.sources?.losses.filter((own) => own !== undefined) ?? []
    const losses = [loss, ...ofSources]
    const { target, reference } = modelsTogether([...ofSources, loss, filter])
    const flops = trainingFlops(
      { seen: summary.tokensSeen, valid: summary.tokensValid, trained: summary.tokensTrained },
      {
        draft: architecture,
        ...{ part, head, movesTrunk },
        target: target?.architecture,
        reference: reference?.architecture,
        needs: filter.needs,
        lossNeedsTarget: losses.some(({ target }) => target),
        lossReadsBatch: losses.some(({ batch }) => batch !== undefined),
        ...(options.signals && { signals: options.signals.options }),
        T,
      },
      training,
    )
    const asked = serviceFlops(
      yield* Effect.forEach(options.services ?? [], ({ textFlops }) => textFlops),
      textsOf(until * batchSize * microBatches, examples, options.ownText?.share ?? 0),
      T,
    )
    const models = { draft: architecture, target: target?.architecture, reference: reference?.architecture }
    const probe = probed && {
      ...writeProbe(context.directory, probed, options.probe?.corrupted_N),
      flops: probeFlops(options.probe!.batches, probed.length, { needs: filter.needs, loss }, models),
    }
    const { writing, ...counts } = summary
    return {
      ...counts,
      ...(writing && { tokensWritten: writing.written }),
      ...(probe && { probe }),
      flops: flops + asked + (writing ? writingFlops(architecture, writing.read, writing.written, T) : 0),
      parameters: (head ? headParameters(head) : 0) + (head && !movesTrunk ? 0 : parameterCount(architecture)),
      ...(part && isPartial(training) && { trainedParameters: part.count }),
      ...(head && isPartial(training) && { trainedParameters: headParameters(head, isPrivate) }),
    }
  })

/** Keeps each step once in metrics.jsonl, because a resumed run repeats the steps after its checkpoint. */
const compactEvents = (directory: string): void => {
  let lines: Array<TrainEvent> = []
  for (const event of readMetrics(directory) as unknown as ReadonlyArray<TrainEvent>) {
    if (event._tag === "head") {
      // An attempt without a checkpoint begins again at step 0 and writes no event about it.
      if (event.step === 0) lines = []
      else if (lines.some(({ _tag }) => _tag === "head")) continue
    } else if (event._tag === "resumed") lines = lines.filter((e) => e._tag !== "note" && e.step <= event.step)
    lines.push(event)
  }
  writeFileSync(join(directory, metricsFile), lines.map((e) => `${JSON.stringify(e)}\n`).join(""))
}

/** Sizes that estimate the work of a stage before its run. They count all tokens, including those that a filter drops. */
export interface Sizes {
  /** Mean number of tokens of an example; `trained` counts its trained part only. */
  readonly length: number
  readonly trained: number
  /** Number of examples of the training split, where the store has the data. */
  readonly examples?: number
}

/**
 * The cost of a stage, before its run.
 *
 * @param label of the stage, for the error
 * @error InvalidInput for a part to train that the architecture does not have
 */
export const workOf = (
  label: string,
  training: Training,
  sizes: Sizes,
  passes: Omit<Passes, "T" | "part">,
  kept = 1,
): Effect.Effect<Stage["work"], InvalidInput> =>
  Effect.gen(function* () {
    const { head, movesTrunk = false } = passes
    const draft = head ? passes.draft : yield* architectureAfter(label, passes.draft, training)
    const part = head ? undefined : yield* partOf(label, draft, training)
    const objective = training.objective && (yield* training.objective.instance)
    const sequences = training.steps * training.batchSize * training.microBatches
    const seen = Math.round(sequences * sizes.length)
    const rows = objective === undefined ? sizes.trained : objective.rows(sizes)
    const valid = Math.round(sequences * rows) * (head?.entries ?? 1)
    return {
      parameters: (head ? headParameters(head) : 0) + (head && !movesTrunk ? 0 : parameterCount(draft)),
      steps: training.steps,
      tokens: seen,
      flops: trainingFlops(
        { seen, valid, trained: valid * kept },
        { ...passes, draft, part, T: sizes.length },
        training,
      ),
    }
  })

/** The work with the bytes of the state that a cut training keeps: two checkpoints of weights, their average and both moments. */
export const keepingState = (work: Stage["work"], keeps: boolean, { optimizer }: Training): Stage["work"] =>
  keeps && work.parameters !== undefined
    ? { ...work, bytes: 2 * (optimizer.average ? 4 : 3) * 4 * work.parameters }
    : work

/** Plain training: no filter, no frozen model. */
export const noPasses = { needs: [], lossNeedsTarget: false, lossReadsBatch: false } as const
