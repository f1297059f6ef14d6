/**
 * Signals of frozen models on the training data, computed once: the target's signals in the form that an arm asks for, and
 * the reference's losses. Arms of all seeds share the target's signals.
 */
import {
  type Architecture,
  type Attends,
  askedArchitecture,
  DataError,
  headRowsOf,
  type InvalidInput,
  Loss,
  type LossUse,
  lossLayer,
  type Masking,
  provideNeeds,
  type ReferenceStatistic,
  reads,
  type ServiceUse,
  Target,
} from "@winnow/core"
import type { EncodedTask } from "@winnow/data"
import {
  bytesPerToken,
  type CachedForm,
  type CachedReference,
  type CachedTarget,
  cachedReference,
  cachedTarget,
  chunkRowsFor,
  formName,
  makeReferenceSignals,
  makeTargetSignals,
  openSignals,
  type SignalsIdentity,
  tableBytes,
} from "@winnow/training"
import { Context, Effect, Layer, type Scope } from "effect"
import { forwardFlops } from "../budget.ts"
import { plain, plainSpec } from "../experiment/plain-json.ts"
import { layersOf } from "../experiment/services.ts"
import { partOf, type Stage, stage } from "../stage.ts"
import { pluginCode, pluginCodes } from "../store/code/plugin-code.ts"
import { canonicalJson } from "../store/key.ts"
import type { Artifact } from "../store/store.ts"
import { openModel, openReference, weightsOf } from "./models.ts"
import {
  code,
  dataOf,
  inShards,
  makingOptions,
  onePass,
  partOfWork,
  type SplitSize,
  summaryOf,
} from "./signal-parts.ts"
import { readSplit } from "./text.ts"

const targetIdentity = (form: CachedForm, target: Artifact, data: Artifact): SignalsIdentity => ({
  of: "target",
  form: canonicalJson(form),
  weights: weightsOf(target),
  ...dataOf(data),
  code: canonicalJson(code()),
})

/**
 * The revision of a form, in the key of its caches: the native top k in bfloat16 adds the rest's mass in another order
 * than it did, so that tails differ in the last bit from the caches of before.
 */
const formRevision = (form: CachedForm) =>
  typeof form === "object" && "topK" in form && form.precision === "bfloat16" ? { revision: 2 } : {}

/** The target's signals for all trained tokens. */
export const targetSignalsStage = (
  form: CachedForm,
  {
    data,
    target,
    architecture,
    size,
    shards,
  }: {
    readonly data: Stage
    readonly target: Stage
    readonly architecture: Architecture<Attends>
    readonly size: SplitSize | undefined
    /** By the size if undefined. */
    readonly shards: number | undefined
  },
): Stage => {
  const { hiddenSize: D, vocabularySize: V } = architecture
  const perToken = bytesPerToken(form, { D, V })
  const withHead = form !== "hidden"
  const table = tableBytes(form, { D, V })
  const flops = (size: SplitSize) => onePass(size, architecture, withHead)
  return inShards(shards, `target signals, ${formName(form)}`, size?.trained, perToken, (label, shard) =>
    stage({
      kind: "signals",
      label,
      config: { of: "target", form, ...formRevision(form), ...(shard && { shard }) },
      inputs: [partOf(data, "train"), target],
      code: code(),
      unit: "tokens",
      work: size
        ? partOfWork({ tokens: size.seen, flops: flops(size), bytes: size.trained * perToken }, shard, table)
        : {},
      run: (context) =>
        Effect.gen(function* () {
          const [dataArtifact, targetArtifact] = context.inputs
          const text = yield* readSplit(dataArtifact!, "train")
          const model = yield* openModel(targetArtifact!)
          const identity = targetIdentity(form, targetArtifact!, dataArtifact!)
          const making = { ...makingOptions(context, text, identity, shard), chunkRows: chunkRowsFor(V) }
          const header = yield* makeTargetSignals({ ...making, target: model, form })
          return summaryOf(text, header, shard, text.trained, flops)
        }).pipe(Effect.scoped),
    }),
  )
}

/** The settings of the reference's losses, beside the reference itself. */
export interface ReferenceSignals {
  readonly statistics: ReadonlyArray<ReferenceStatistic>
  /** Loss and target form. Only `referenceLoss_N` reads them. */
  readonly loss: LossUse<unknown>
  readonly form: CachedForm | "live"
  /** Services that the loss asks for. Only `referenceLoss_N` reads them. */
  readonly services: ReadonlyArray<ServiceUse>
  /** How the reference is asked, where it attends both ways. */
  readonly masking: Masking | undefined
}

/** The inputs of the reference's losses: `active` if they include the arm's own loss, `target` if it reads the target. */
const readsOf = ({ statistics, loss }: ReferenceSignals) => {
  const active = statistics.includes("referenceLoss_N")
  return { active, target: active && reads("target", loss) }
}

const referenceIdentity = (spec: ReferenceSignals, reference: Artifact, target: Artifact | undefined, data: Artifact) =>
  Effect.gen(function* () {
    const { active, target: withTarget } = readsOf(spec)
    return {
      of: "reference",
      statistics: spec.statistics.join(","),
      weights: weightsOf(reference),
      ...(spec.masking && { masking: canonicalJson(spec.masking) }),
      ...(active
        ? { loss: canonicalJson(yield* plain(spec.loss)), lossCode: canonicalJson(pluginCode(spec.loss) ?? null) }
        : {}),
      ...(active && spec.services.length > 0
        ? { services: canonicalJson([yield* plainSpec({ services: spec.services }), pluginCodes(spec.services)]) }
        : {}),
      ...(withTarget && target ? { target: weightsOf(target), form: canonicalJson(spec.form) } : {}),
      ...dataOf(data),
      code: canonicalJson(code()),
    } satisfies SignalsIdentity
  })

/** The reference's losses on all trained tokens, under the arm's loss and against the arm's target. */
export const referenceSignalsStage = (
  spec: ReferenceSignals,
  {
    data,
    target,
    reference,
    targetSignals,
    architectures,
    size,
    shards,
    seed,
  }: {
    readonly data: Stage
    readonly target: Stage
    readonly reference: Stage
    /** The target's cache; defined where `form` is a cache. */
    readonly targetSignals: Stage | undefined
    /** The architectures of the reference and of the target. */
    readonly architectures: { readonly reference: Architecture<Attends>; readonly target: Architecture<Attends> }
    readonly size: SplitSize | undefined
    /** By the size if undefined. */
    readonly shards: number | undefined
    readonly seed: number
  },
): Effect.Effect<Stage, InvalidInput> =>
  Effect.gen(function* () {
    const { statistics, form } = spec
    const { active, target: withTarget } = readsOf(spec)
    const cached = withTarget ? targetSignals : undefined
    const asked = active ? spec.services : []
    const flops = (size: SplitSize) => {
      const whole = form === "live" || form === "hidden"
      const ofTarget = { trunk: form === "live" ? size.seen : 0, head: size.trained, length: size.length }
      const { target, reference: of } = architectures
      const compared = withTarget && whole ? forwardFlops({ ...target, headRows: headRowsOf(of) }, ofTarget) : 0
      const asked = spec.masking ? askedArchitecture(of, spec.masking) : of
      return onePass(size, asked, true) + compared
    }
    const perToken = 4 * statistics.length
    const config = {
      of: "reference",
      statistics: [...statistics],
      ...(spec.masking && { masking: spec.masking }),
      ...(active ? { loss: yield* plain(spec.loss) } : {}),
      ...(withTarget ? { form } : {}),
      ...(asked.length > 0 ? yield* plainSpec({ services: asked }) : {}),
    }
    return inShards(shards, `reference signals, seed ${seed}`, size?.trained, perToken, (label, shard) =>
      stage({
        kind: "signals",
        label,
        config: { ...config, ...(shard && { shard }) },
        inputs: [partOf(data, "train"), reference, ...(withTarget ? [target] : []), ...(cached ? [cached] : [])],
        code: active ? code(spec.loss, ...asked) : code(),
        unit: "tokens",
        work: size ? partOfWork({ tokens: size.seen, flops: flops(size), bytes: size.trained * perToken }, shard) : {},
        run: (context) =>
          Effect.gen(function* () {
            const [dataArtifact, referenceArtifact, targetArtifact, cachedArtifact] = context.inputs
            const text = yield* readSplit(dataArtifact!, "train")
            const model = yield* openReference(referenceArtifact!, spec.masking)
            const live = withTarget && cached === undefined ? yield* openModel(targetArtifact!) : undefined
            const signals =
              cachedArtifact && form !== "live"
                ? {
                    target: yield* openTargetSignals(form, cachedArtifact, {
                      target: targetArtifact!,
                      data: dataArtifact!,
                      text,
                    }),
                  }
                : {}
            const targetLayer = Layer.succeed(Target, { architecture: architectures.target, model: live })
            const layers = layersOf({ target: targetLayer }, asked)
            const built = yield* Layer.build(provideNeeds(lossLayer(spec.loss), [spec.loss], layers))
            const loss = Context.get(built, Loss)
            const identity = yield* referenceIdentity(spec, referenceArtifact!, targetArtifact, dataArtifact!)
            const header = yield* makeReferenceSignals({
              ...makingOptions(context, text, identity, shard),
              chunkRows: chunkRowsFor(architectures.reference.vocabularySize),
              reference: model,
              statistics,
              loss,
              target: live,
              signals,
            })
            return summaryOf(text, header, shard, text.trained, flops)
          }).pipe(Effect.scoped),
      }),
    )
  })

/** @error DataError for whatever it throws */
export const opened = <A>(open: () => A): Effect.Effect<A, DataError> =>
  Effect.try({
    try: open,
    catch: (cause) => (cause instanceof DataError ? cause : new DataError({ message: String(cause), cause })),
  })

/** The sources that this run's signals must have. The run refuses a cache from other sources. */
export interface SignalsOf {
  /** undefined where no signal reads the target. */
  readonly target: Artifact | undefined
  readonly data: Artifact
  /** The training split of `data`. */
  readonly text: EncodedTask
}

/**
 * The target's signals of an artifact, for the steps of a stage. The scope frees them.
 *
 * @error DataError if its weights, data, tokenizer, form or code differ from this run's
 */
export const openTargetSignals = (
  form: CachedForm,
  signals: Artifact,
  { target, data, text }: SignalsOf,
): Effect.Effect<CachedTarget, DataError, Scope.Scope> =>
  Effect.acquireRelease(
    opened(() => {
      const identity = targetIdentity(form, target!, data) // an arm with a form of the target has a target
      return cachedTarget(openSignals(signals.directory, identity, text.examples), form)
    }),
    ({ dispose }) => Effect.sync(dispose),
  )

/** The reference's losses of an artifact of signals. @error DataError as `openTargetSignals` */
export const openReferenceSignals = (
  spec: ReferenceSignals,
  signals: Artifact,
  reference: Artifact,
  { target, data, text }: SignalsOf,
): Effect.Effect<CachedReference, DataError | InvalidInput> =>
  Effect.flatMap(referenceIdentity(spec, reference, target, data), (identity) =>
    opened(() => cachedReference(openSignals(signals.directory, identity, text.examples), spec.statistics)),
  )
