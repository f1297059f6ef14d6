/** The stages of one draft of an experiment, and those that all its drafts share. */
import {
  type Architecture,
  type Attends,
  type DataError,
  type HeadArchitecture,
  type HeadUse,
  headRowsOf,
  InvalidInput,
  type ServiceUse,
  type TaskUse,
} from "@winnow/core"
import { signalProblems } from "@winnow/training"
import { Effect } from "effect"
import type { Architectures } from "./architectures.ts"
import { isOwn, ownStarts } from "./experiment/places.ts"
import type { Resolved, ResolvedArm, ResolvedReference, SettledArm } from "./experiment/resolved.ts"
import { signalUses } from "./experiment/signal-uses.ts"
import type { Stability } from "./experiment/stability.ts"
import { describeStart, type OwnStart } from "./experiment/start.ts"
import type { ResolvedText } from "./experiment/text.ts"
import { checkAttention } from "./preflight/attention.ts"
import { checkVocabularies } from "./preflight/vocabularies.ts"
import { folderOf, sharedRows } from "./shared-rows.ts"
import type { Stage } from "./stage.ts"
import { armStage, referenceSignalsOf, type SignalStages } from "./stages/arm.ts"
import type { Distilling } from "./stages/distilling.ts"
import { furtherStage } from "./stages/plain.ts"
import type { ProbeText } from "./stages/probe.ts"
import { selectionStage } from "./stages/selection.ts"
import type { SplitSize } from "./stages/signal-parts.ts"
import { referenceSignalsStage, targetSignalsStage } from "./stages/signals.ts"
import { architectureOfStart, type BeginModel, begunStage } from "./stages/start.ts"
import { statesFormOf, statesStage } from "./stages/states.ts"
import { dataStage, tokenizerStage } from "./stages/text.ts"
import { headAfter } from "./stages/trained-head.ts"
import { architectureAfter } from "./stages/trained-model.ts"
import type { Cut, Sizes } from "./stages/training.ts"
import { withChanges } from "./stages/turned.ts"
import { type Texts, taskKey, tasksOf } from "./texts.ts"
import { type TextStages, type TrainingText, textOf } from "./training-text.ts"

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

/** Tokens of the training split and its mean length, where the store has its data. */
const splitSize = ({ length, trained, examples }: Sizes): SplitSize | undefined =>
  examples === undefined ? undefined : { seen: examples * (length - 1), trained: examples * trained, length }

/** A reference that predicts fewer ids than the draft, or whose cached losses are over other ids than the draft's. */
const vocabularyOfReference = (
  of: Distilling["architectures"] | undefined,
  { reference: form }: SettledArm["signals"],
): ReadonlyArray<string> => {
  if (of?.reference === undefined) return []
  const [ours, theirs] = [headRowsOf(of.draft), headRowsOf(of.reference)]
  if (ours === theirs || (theirs > ours && form === "live")) return []
  const remedy =
    theirs > ours ? "set signals.reference to live, or give both one vocabulary" : "give both one vocabulary"
  return [`the draft predicts ${ours} ids, its reference ${theirs}; ${remedy}`]
}

/** The caches that an arm reads. @error InvalidInput for a top k that the vocabulary does not have */
const signalStages = (
  arm: SettledArm,
  reference: Stage | undefined,
  { data, target, architectures, sizes, seed, services, head }: Distilling,
): Effect.Effect<SignalStages, InvalidInput> =>
  Effect.gen(function* () {
    const uses = yield* signalUses(arm)
    const { headRows } = architectures.draft
    const sizesOf = { V: architectures.target.vocabularySize, headRows }
    const problems = new Set([
      ...uses.flatMap((use) => signalProblems(arm.signals, use, sizesOf)),
      ...vocabularyOfReference(reference && architectures, arm.signals),
    ])
    if (problems.size > 0) return yield* new InvalidInput({ what: `arm ${arm.name}`, problems: [...problems] })
    const size = splitSize(sizes)
    const { target: form, shards } = arm.signals
    const statesForm = yield* statesFormOf(arm.signals, head, uses, architectures.target)
    const ofTarget = { data, target, architecture: architectures.target, size, shards }
    const states = statesForm && statesStage(statesForm, ofTarget)
    const targetSignals = form === "live" ? undefined : targetSignalsStage(form, ofTarget)
    if (reference === undefined || arm.signals.reference !== "cached") return { target: targetSignals, states }
    const of = { reference: architectures.reference ?? architectures.draft, target: architectures.target }
    const more = { data, target, reference, targetSignals, architectures: of, size, shards, seed }
    return {
      target: targetSignals,
      states,
      reference: yield* referenceSignalsStage(referenceSignalsOf(arm, services), more),
    }
  })

/** Tokens of an example where the data is not encoded yet: a rough figure for estimates. */
export const guessedSizes = ({ maxLength }: Resolved): Sizes => ({ length: maxLength * 0.55, trained: maxLength * 0.3 })

/** The rows of the vocabulary that an experiment's folders are read to; undefined: all. @error as `architectureOfStart` */
export const rowsOf = (resolved: Resolved): Effect.Effect<number | undefined, InvalidInput | DataError> =>
  Effect.gen(function* () {
    const starts = ownStarts(resolved)
    if (starts.every(({ start }) => folderOf(start) === undefined)) return undefined
    const target = yield* architectureOfStart(resolved.target, "target", undefined)
    const models = yield* Effect.forEach(starts, ({ name, start }) =>
      Effect.map(architectureOfStart(start, name, target), ({ vocabularySize }) => ({ start, vocabularySize })),
    )
    return yield* sharedRows(models)
  })

/** The architectures of all models of an experiment. */
const architecturesOf = (resolved: Resolved): Effect.Effect<Architectures, InvalidInput | DataError> =>
  Effect.gen(function* () {
    const [, , ...others] = ownStarts(resolved)
    const target = yield* architectureOfStart(resolved.target, "target", undefined)
    const { start } = resolved.draft
    const headOf = (start: OwnStart) =>
      start.kind === "head"
        ? Effect.map(start.head.instance, ({ on }) => on(target))
        : Effect.succeed<HeadArchitecture | undefined>(undefined)
    const draftHead = yield* headOf(start)
    return {
      draft: yield* architectureOfStart(start, "draft", target),
      ...(draftHead && { draftHead }),
      target,
      others: yield* Effect.forEach(others, ({ name, start }) =>
        Effect.all({
          name: Effect.succeed(name),
          architecture: architectureOfStart(start, name, target),
          head: headOf(start),
        }),
      ),
    }
  })

/** The settings and stages that all drafts of an experiment share. */
export interface Shared extends TrainingText {
  readonly tokenizer: Stage
  readonly target: Stage
  /** The drafts' start, as the experiment has it. */
  readonly draftStart: OwnStart
  readonly architectures: Architectures
  readonly texts: TextStages
  /** Services that filters and losses ask for. */
  readonly services: ReadonlyArray<ServiceUse>
  /** The tokens among which the choices of the arms' filters are recorded. */
  readonly probe?: ProbeText | undefined
}

/** The same stages, with a record of the tokens that filters keep. */
export const withProbe = (shared: Shared, stability: Stability | undefined): Shared =>
  stability === undefined
    ? shared
    : { ...shared, probe: { ...stability, data: textOf(stability.text, shared, undefined).data } }

/**
 * The stages that all drafts of an experiment share.
 *
 * @error InvalidInput for vocabularies that preflight would refuse; DataError for a target folder that cannot be read
 * @param sizesOf mean lengths of the encoded data if it is there: for estimates, and for steps that cost what an arm costs
 */
export const sharedStages = (
  resolved: Resolved,
  texts: Texts,
  sizesOf: (data: Stage) => Sizes | undefined = () => undefined,
): Effect.Effect<Shared, InvalidInput | DataError> =>
  Effect.gen(function* () {
    const { task, maxLength } = resolved
    const tokenizer = yield* tokenizerStage(texts.of(task), resolved.tokenizer)
    const encoding = { maxLength, specialTokens: resolved.tokenizer.specialTokens ?? "text" }
    const encoded = (of: TaskUse): TrainingText => {
      const data = dataStage(`${of === task ? "data" : "text"}, ${of.name}`, texts.of(of), tokenizer, encoding)
      return { data, sizes: sizesOf(data) ?? guessedSizes(resolved) }
    }
    const own = encoded(task)
    // The experiment's own text, named again, is the same artifact.
    const other = (of: TaskUse) => {
      const candidate = encoded(of)
      return candidate.data.key === own.data.key ? own : candidate
    }
    const ofTasks = new Map(tasksOf(resolved).map((of) => [taskKey(of), of === task ? own : other(of)]))
    const architectures = yield* architecturesOf(resolved)
    yield* checkVocabularies(resolved, architectures)
    const { draft, others = [] } = architectures
    const models = [architectures.target, draft, ...others.map(({ architecture }) => architecture)]
    yield* checkAttention(resolved, models)
    const stages: TextStages = { tokenizer, ofTasks, maxLength }
    const { stage: target } = yield* begunStage(resolved.target, {
      kind: "target",
      name: "target",
      label: "target",
      seed: 0,
      textOf: (text, begin) => textOf(text, { texts: stages, architectures }, begin),
    })
    return {
      ...own,
      tokenizer,
      target,
      draftStart: resolved.draft.start,
      architectures,
      texts: stages,
      services: Object.values(resolved.services),
    }
  })

/** The data stages of texts of other tasks than the experiment's. */
export const otherTexts = ({ texts, data }: Shared): ReadonlyArray<Stage> => [
  ...new Map(
    [...texts.ofTasks.values()].flatMap((t) => (t.data.key === data.key ? [] : [[t.data.key, t.data] as const])),
  ).values(),
]

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
