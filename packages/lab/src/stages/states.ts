/** The target's hidden states on the training data, computed once for the heads that are trained on them. */
import type { Architecture, Attends, DataError, HeadUse, InvalidInput } from "@winnow/core"
import {
  type CachedStates,
  cachedStates,
  makeStates,
  openSignals,
  readsTarget,
  readTokens,
  type SignalsIdentity,
  type SignalsOptions,
  type SignalUse,
  type StatesForm,
  stateBytes,
  statesName,
} from "@winnow/training"
import { Effect } from "effect"
import { partOf, type Stage, stage } from "../stage.ts"
import { canonicalJson } from "../store/key.ts"
import type { Artifact } from "../store/store.ts"
import { openModel, weightsOf } from "./models.ts"
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
import { opened, type SignalsOf } from "./signals.ts"
import { readSplit } from "./text.ts"

/**
 * The states that the steps of a head read; undefined where the target runs in each step.
 *
 * The states after the final norm are among them also where a filter or a loss reads the target: then no step runs it.
 *
 * @param on the target
 */
export const statesFormOf = (
  { states: precision, target }: SignalsOptions,
  head: HeadUse | undefined,
  uses: ReadonlyArray<SignalUse>,
  on: Architecture<Attends>,
): Effect.Effect<StatesForm | undefined, InvalidInput> =>
  Effect.gen(function* () {
    if (precision === undefined || head === undefined) return undefined
    const { layers = [], readsLast = true } = (yield* head.instance).on(on)
    const last = (readsLast && head.reads.includes("targetHidden")) || (target === "live" && uses.some(readsTarget))
    return { precision, last, layers: head.reads.includes("targetLayers") ? layers : [] }
  })

const identityOf = (form: StatesForm, target: Artifact, data: Artifact): SignalsIdentity => ({
  of: "states",
  form: canonicalJson(form),
  weights: weightsOf(target),
  ...dataOf(data),
  code: canonicalJson(code()),
})

/** The target's states at all positions that it reads of the training split. */
export const statesStage = (
  form: StatesForm,
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
  const perToken = stateBytes(form, architecture)
  const flops = (size: SplitSize) => onePass(size, architecture, false)
  return inShards(shards, `target states, ${statesName(form)}`, size?.seen, perToken, (label, shard) =>
    stage({
      kind: "signals",
      label,
      config: { of: "states", form, ...(shard && { shard }) },
      inputs: [partOf(data, "train"), target],
      code: code(),
      unit: "tokens",
      work: size ? partOfWork({ tokens: size.seen, flops: flops(size), bytes: size.seen * perToken }, shard) : {},
      run: (context) =>
        Effect.gen(function* () {
          const [dataArtifact, targetArtifact] = context.inputs
          const text = yield* readSplit(dataArtifact!, "train")
          const model = yield* openModel(targetArtifact!)
          const identity = identityOf(form, targetArtifact!, dataArtifact!)
          const header = yield* makeStates({ ...makingOptions(context, text, identity, shard), target: model, form })
          return summaryOf(text, header, shard, text.tokens - text.examples.length, flops)
        }).pipe(Effect.scoped),
    }),
  )
}

/** The states of an artifact, for the steps of a stage. @error DataError as `openTargetSignals` */
export const openStates = (
  form: StatesForm,
  signals: Artifact,
  architecture: Architecture<Attends>,
  { target, data, text: { examples } }: SignalsOf,
): Effect.Effect<CachedStates, DataError> =>
  opened(() => {
    const identity = identityOf(form, target!, data) // a head has a target
    return cachedStates(openSignals(signals.directory, identity, examples, readTokens), form, examples, architecture)
  })
