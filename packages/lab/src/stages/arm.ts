/** The stage of an arm or of a distilled reference: one filter and one loss, from a start, against a frozen target. */
import {
  type Architecture,
  Filter,
  type FilterUse,
  filterLayer,
  type InvalidInput,
  type LossUse,
  lossLayer,
  type Reference,
  Target,
} from "@winnow/core"
import {
  type CachedSignals,
  earlierCheckpoint,
  frozenReference,
  movingAverage,
  notLoaded,
  referenceNeeds,
} from "@winnow/training"
import { Effect, Layer } from "effect"
import { plainSpec, type SettledArm } from "../experiment/resolve.ts"
import { instancesOf } from "../experiment/uses.ts"
import { shuffledReference } from "../shuffled-reference.ts"
import { type Stage, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import type { Artifact } from "../store/store.ts"
import { openModel } from "./models.ts"
import { openReferenceSignals, openTargetSignals, type ReferenceSignals } from "./signals.ts"
import { readSplit } from "./text.ts"
import { type Sizes, train, trainingFields, workOf } from "./training.ts"

/** Inputs of the stages that distil. */
export interface Distilling {
  readonly data: Stage
  readonly target: Stage
  readonly start: Stage
  readonly seed: number
  readonly sizes: Sizes
  /** The reference's own where it is another than the draft's. */
  readonly architectures: {
    readonly draft: Architecture
    readonly target: Architecture
    readonly reference?: Architecture
  }
}

/** The cost of an arm's steps, from the needs that its filter and loss declare. */
const armWork = (arm: SettledArm, sizes: Sizes, { draft, target, reference = draft }: Distilling["architectures"]) =>
  Effect.gen(function* () {
    const { filter, loss } = yield* instancesOf(arm)
    const { k } = yield* arm.filter.decoded
    return workOf(
      arm,
      sizes,
      {
        draft,
        target,
        reference,
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

/** The contents of the reference's cache that an arm asks for. */
export const referenceSignalsOf = (
  arm: Pick<SettledArm, "filter" | "loss" | "signals">,
): Effect.Effect<ReferenceSignals, InvalidInput> =>
  Effect.map(instancesOf(arm), (use) => ({
    statistics: referenceNeeds(use),
    loss: arm.loss,
    form: arm.signals.target,
  }))

/** The arm's filter as a layer; a placebo reads the reference's figures of other tokens. */
const filterOf = ({ filter, shuffleReference }: SettledArm) => {
  const use = filter as FilterUse<Reference | Target>
  return shuffleReference ? Layer.effect(Filter, Effect.map(use.instance, shuffledReference)) : filterLayer(use)
}

/** One arm under one seed, or a distilled reference: filter, loss, target and reference are the layers of one program. */
export const armStage = (
  arm: SettledArm,
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
        ...(spec.shuffleReference ? { shuffleReference: true } : {}),
      }),
      inputs: given.map(({ input }) => input),
      code: stageCode({ revisions: ["training"], tensors: true, plugins: [arm.filter, arm.loss] }),
      seed,
      unit: "steps",
      work: yield* armWork(arm, sizes, architectures),
      run: (context) =>
        Effect.gen(function* () {
          const artifact = (name: keyof typeof inputs): Artifact | undefined =>
            context.inputs[given.findIndex((g) => g.name === name)]
          const [ofTarget, ofReference] = [artifact("targetSignals"), artifact("referenceSignals")]
          const [textArtifact, frozen, compared] = [artifact("data")!, artifact("target")!, artifact("reference")]
          const draft = yield* openModel(artifact("start")!)
          const text = yield* readSplit(textArtifact, "train")
          const target = ofTarget ? notLoaded(architectures.target, "target") : yield* openModel(frozen)
          const model =
            compared &&
            (ofReference
              ? notLoaded(architectures.reference ?? architectures.draft, "reference")
              : yield* openModel(compared))
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
          const layers = Layer.merge(filterOf(arm), lossLayer(arm.loss as LossUse<Target>))
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
