/** The stages of one draft of an experiment. */
import { type Architecture, type Attends, type DataError, type HeadUse, InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import { isOwn } from "./experiment/places.ts"
import type { Resolved, ResolvedArm, ResolvedReference, SettledArm } from "./experiment/resolved.ts"
import { describeStart, type OwnStart } from "./experiment/start.ts"
import type { ResolvedText } from "./experiment/text.ts"
import type { Shared } from "./shared.ts"
import { signalStages } from "./signal-stages.ts"
import type { Stage } from "./stage.ts"
import { armStage, type SignalStages } from "./stages/arm.ts"
import type { Distilling } from "./stages/distilling.ts"
import { furtherStage } from "./stages/plain.ts"
import { selectionStage } from "./stages/selection.ts"
import { type BeginModel, begunStage } from "./stages/start.ts"
import { headAfter } from "./stages/trained-head.ts"
import { architectureAfter } from "./stages/trained-model.ts"
import type { Cut } from "./stages/training.ts"
import { withChanges } from "./stages/turned.ts"
import { textOf } from "./training-text.ts"

/** An arm that can be trained. */
export interface Arm extends SettledArm, Pick<ResolvedArm, "start" | "target" | "filterNeedsReference"> {}

/**
 * The model of a frozen reference; undefined without a reference, or for one that follows the draft.
 *
 * @param cut of a search with several rungs: the part of its training
 */
export const frozenReference = (
  spec: ResolvedReference | undefined,
  shared: Shared,
  draft: BeginModel,
  seed: number,
  cut?: Cut,
): Effect.Effect<BeginModel | undefined, InvalidInput | DataError> =>
  Effect.gen(function* () {
    if (spec === undefined || spec.kind === "checkpoint" || spec.kind === "average") return undefined
    if (isOwn(spec)) return yield* ownModel(spec, shared, { name: "reference", seed })
    if (spec.kind === "earlier") {
      const start = spec.start ?? shared.draftStart
      const until = spec.step < start.pretraining!.steps ? spec.step : undefined // `resolve` refuses a start without it
      if (until === undefined && spec.start === undefined) return draft
      return yield* ownModel(start, shared, { name: `reference, the start after ${spec.step} steps`, seed, until })
    }
    const { start } = spec
    const begun =
      start && isOwn(start)
        ? yield* ownModel(start, shared, { name: "reference start", seed })
        : yield* withChanges(start ?? {}, draft, { name: `reference start, seed ${seed}`, data: shared.data })
    const { architecture } = begun
    if (spec.kind === "trained") {
      const label = `reference (trained), seed ${seed}`
      const text = textOf(spec.text, shared, begun)
      return {
        stage: yield* furtherStage({
          ...text,
          kind: "reference",
          label,
          training: spec,
          begin: begun.stage,
          architecture,
          seed,
          cut,
        }),
        architecture: yield* architectureAfter(label, architecture, spec),
      }
    }
    const { kind: _, start: __, ...training } = spec
    const arm = { ...training, name: "reference (distilled)", reference: undefined }
    const from = distillingFrom(begun, spec.text, shared, seed)
    const signals = yield* signalStages(arm, undefined, from)
    return {
      stage: yield* armStage(arm, undefined, signals, { ...from, cut }),
      architecture: yield* architectureAfter(arm.name, architecture, arm),
    }
  })

/** The same stages with another target: an arm's own. */
const withTarget = (spec: ResolvedArm["target"], shared: Shared): Effect.Effect<Shared, InvalidInput | DataError> =>
  spec === undefined
    ? Effect.succeed(shared)
    : Effect.map(
        begunStage(spec, {
          ...{ kind: "target", name: "its own target", label: `target, ${describeStart(spec)}`, seed: 0 },
          textOf: (text, begin) => textOf(text, shared, begin),
        }),
        ({ stage, architecture }) => ({
          ...shared,
          target: stage,
          architectures: { ...shared.architectures, target: architecture },
        }),
      )

/** The inputs of a stage that distils into this model, on this text. */
const distillingFrom = (
  begin: BeginModel,
  text: ResolvedText | undefined,
  shared: Shared,
  seed: number,
): Distilling => ({
  ...textOf(text, shared, begin),
  tokenizer: shared.tokenizer,
  target: shared.target,
  start: begin.stage,
  head: begin.head,
  movesTrunk: begin.movesTrunk,
  seed,
  services: shared.services,
  architectures: { draft: begin.architecture, target: shared.architectures.target },
})

/** A model that comes from no other training of the run. */
export const ownModel = (
  start: OwnStart,
  shared: Shared,
  { name, seed, until }: { readonly name: string; readonly seed: number; readonly until?: number | undefined },
): Effect.Effect<BeginModel, InvalidInput | DataError> =>
  Effect.gen(function* () {
    const target = { stage: shared.target, architecture: shared.architectures.target }
    const whole = yield* begunStage(start, {
      kind: until === undefined ? "start" : "earlier",
      name,
      label: `${name}, seed ${seed}`,
      seed,
      until,
      textOf: (text, begin) => textOf(text, shared, begin),
      target,
    })
    return yield* withChanges(start, whole, { name: `${name}, seed ${seed}`, data: shared.data })
  })

/** The drafts before any arm, under a seed. */
export const startOf = ({ draft }: Pick<Resolved, "draft">, shared: Shared, seed: number) =>
  ownModel(draft.start, shared, { name: "draft start", seed })

/** @error InvalidInput for a head's own target whose states and ids are not those of the experiment's, which judges it */
const sameSizes = (
  what: string,
  own: Architecture<Attends>,
  judge: Architecture<Attends>,
): Effect.Effect<void, InvalidInput> => {
  const sizes = ({ hiddenSize, vocabularySize }: Architecture<Attends>) =>
    `${hiddenSize} columns and ${vocabularySize} ids`
  if (sizes(own) === sizes(judge)) return Effect.void
  const problems = [
    `its head reads the states of its own target, ${sizes(own)}, and the experiment's target has ${sizes(judge)}; take targets of one size`,
  ]
  return Effect.fail(new InvalidInput({ what, problems }))
}

/** The stages of one arm under one seed. */
export interface Cell {
  /** The model that the arm begins with. */
  readonly start: Stage
  /** Of the trained model. */
  readonly architecture: Architecture<Attends>
  /** The head that the arm trains, where it trains no model. */
  readonly head: HeadUse | undefined
  /** The head of `start`: a private part adds to it. */
  readonly startHead: HeadUse | undefined
  /** True if a copy of the target is trained with it. */
  readonly movesTrunk: boolean | undefined
  readonly reference: BeginModel | undefined
  readonly signals: SignalStages
  readonly trained: Stage
}

/**
 * The stages of an arm under a seed.
 *
 * @param draft the drafts' start
 * @param others the arms by name, for an arm that begins with another one
 * @param cut of a search with several rungs: the part of the training
 */
export const cellStages = (
  { start, filterNeedsReference, target, ...arm }: Arm,
  shared: Shared,
  draft: BeginModel,
  seed: number,
  others: ReadonlyMap<string, Arm> = new Map(),
  cut?: Cut,
): Effect.Effect<Cell, InvalidInput | DataError> =>
  Effect.gen(function* () {
    const own = yield* withTarget(target, shared)
    const reference = yield* frozenReference(arm.reference, own, draft, seed)
    const begun = yield* Effect.gen(function* () {
      // A head is of the target that it is trained on.
      if (start.kind === "head") {
        yield* sameSizes(`arm ${arm.name}`, own.architectures.target, shared.architectures.target)
        return yield* ownModel(start, own, { name: `${arm.name} start`, seed })
      }
      if (isOwn(start)) return yield* ownModel(start, shared, { name: `${arm.name} start`, seed })
      const place = { name: `${arm.name} start, seed ${seed}`, data: shared.data }
      if (start.kind === "draft") return yield* withChanges(start, draft, place)
      if (start.kind === "reference") return yield* withChanges(start, reference!, place) // `resolve` refuses a reference that is no model
      const before = yield* cellStages(others.get(start.arm)!, shared, draft, seed, others)
      const { trained, architecture, head, movesTrunk } = before
      return yield* withChanges(start, { stage: trained, architecture, head, movesTrunk }, place)
    })
    const from = distillingFrom(begun, arm.text, own, seed)
    const distilling = {
      ...from,
      architectures: { ...from.architectures, ...(reference && { reference: reference.architecture }) },
    }
    const compared = filterNeedsReference ? reference?.stage : undefined
    const settled = filterNeedsReference ? arm : { ...arm, reference: undefined }
    const signals = yield* signalStages(settled, compared, distilling)
    const selection =
      arm.examples &&
      (yield* selectionStage(arm.examples, arm.loss, reference?.stage, distilling, (task) =>
        textOf({ kind: "task", task }, shared, undefined),
      ))
    const trained = yield* armStage(settled, compared, signals, { ...distilling, selection, probe: shared.probe, cut })
    const { stage, head: startHead, movesTrunk } = begun
    const head = yield* headAfter(startHead, arm)
    const architecture = head ? begun.architecture : yield* architectureAfter(arm.name, begun.architecture, arm)
    return { start: stage, architecture, head, startHead, movesTrunk, reference, signals, trained }
  })
