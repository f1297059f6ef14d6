/** The stages of one draft of an experiment, and those that all its drafts share. */
import { type Architecture, type DataError, InvalidInput } from "@winnow/core"
import { byteTokenizer, vocabularyProblems } from "@winnow/data"
import { signalProblems } from "@winnow/training"
import { Effect } from "effect"
import { isOwn, ownStarts } from "./experiment/places.ts"
import type { Resolved, ResolvedArm, ResolvedReference, SettledArm } from "./experiment/resolve.ts"
import type { OwnStart } from "./experiment/start.ts"
import { inOrder, type Stage } from "./stage.ts"
import { armStage, type Distilling, referenceSignalsOf, type SignalStages } from "./stages/arm.ts"
import { cleanTextStage } from "./stages/plain.ts"
import { referenceSignalsStage, type SplitSize, targetSignalsStage } from "./stages/signals.ts"
import { architectureOfStart, type Begun, begunStage } from "./stages/start.ts"
import { dataStage, tokenizerStage } from "./stages/text.ts"
import type { Sizes } from "./stages/training.ts"
import type { Texts } from "./texts.ts"

/** An arm that can be trained. */
export interface Arm extends SettledArm, Pick<ResolvedArm, "start" | "filterNeedsReference"> {}

/** Models by their shape. */
export interface Architectures {
  readonly draft: Architecture
  readonly target: Architecture
  /** Of arms and references that begin with models of their own, by their place. */
  readonly others?: ReadonlyArray<{ readonly name: string; readonly architecture: Architecture }>
}

/** The data of a clean-text reference: of a task of its own, or none beside the arms' data. */
type CleanText = (
  spec: Extract<ResolvedReference, { kind: "clean-text" }>,
) => Partial<Pick<Distilling, "data" | "sizes">>

/** The model of a reference that is one all along; undefined where there is none, or it follows the draft. */
const frozenReference = (
  spec: ResolvedReference | undefined,
  shared: Shared,
  draft: Begun,
  seed: number,
): Effect.Effect<Begun | undefined, InvalidInput | DataError> =>
  Effect.gen(function* () {
    if (spec === undefined || spec.kind === "checkpoint" || spec.kind === "average") return undefined
    if (isOwn(spec)) return yield* ownModel(spec, shared, { name: "reference", seed })
    const distilling = distillingFrom(draft, shared, seed)
    if (spec.kind === "clean-text")
      return {
        stage: cleanTextStage(spec, { ...distilling, ...shared.cleanText(spec) }),
        architecture: draft.architecture,
      }
    const { kind: _, start, ...training } = spec
    const begun = start && isOwn(start) ? yield* ownModel(start, shared, { name: "reference start", seed }) : draft
    const arm = { ...training, name: "reference (distilled)", reference: undefined, shuffleReference: false }
    const from = distillingFrom(begun, shared, seed)
    const signals = yield* signalStages(arm, undefined, from)
    return { stage: yield* armStage(arm, undefined, signals, from), architecture: begun.architecture }
  })

/** The inputs of a stage that distils into this model. */
const distillingFrom = ({ stage: start, architecture }: Begun, shared: Shared, seed: number): Distilling => ({
  ...shared,
  start,
  seed,
  architectures: { draft: architecture, target: shared.architectures.target },
})

/** A model that comes from no other training of the run. */
const ownModel = (
  start: OwnStart,
  { data, target, architectures, sizes }: Shared,
  { name, seed }: { readonly name: string; readonly seed: number },
) =>
  begunStage(start, {
    kind: "start",
    name,
    label: `${name}, seed ${seed}`,
    data,
    seed,
    sizes,
    target: { stage: target, architecture: architectures.target },
  })

/** How much the training split holds, where its data is there. */
const splitSize = ({ length, trained, examples }: Sizes): SplitSize | undefined =>
  examples === undefined ? undefined : { seen: examples * (length - 1), trained: examples * trained, length }

/** The caches that an arm reads. @error InvalidInput for a top k that the vocabulary does not have */
const signalStages = (
  arm: SettledArm,
  reference: Stage | undefined,
  { data, target, architectures, sizes, seed }: Distilling,
): Effect.Effect<SignalStages, InvalidInput> =>
  Effect.gen(function* () {
    const use = yield* Effect.all({ filter: arm.filter.instance, loss: arm.loss.instance })
    const problems = signalProblems(arm.signals, use, { V: architectures.target.vocabularySize })
    if (problems.length > 0) return yield* new InvalidInput({ what: `arm ${arm.name}`, problems })
    const size = splitSize(sizes)
    const form = arm.signals.target
    const targetSignals =
      form === "live" ? undefined : targetSignalsStage(form, { data, target, architecture: architectures.target, size })
    if (reference === undefined || arm.signals.reference !== "cached") return { target: targetSignals }
    const of = { reference: architectures.reference ?? architectures.draft, target: architectures.target }
    const more = { data, target, reference, targetSignals, architectures: of, size, seed }
    return {
      target: targetSignals,
      reference: yield* referenceSignalsStage(referenceSignalsOf(arm), more),
    }
  })

/** Tokens of an example where the data is not encoded yet: a rough figure for estimates. */
export const guessedSizes = ({ maxLength }: Resolved): Sizes => ({ length: maxLength * 0.55, trained: maxLength * 0.3 })

/** Ids of the tokenizer, where the experiment says it; a file's are known once it is read. */
const tokenizerSize = ({ tokenizer }: Resolved): number | undefined => {
  if (tokenizer.kind === "byte") return byteTokenizer.vocabularySize
  return tokenizer.kind === "bpe" ? tokenizer.vocabulary : undefined
}

/** Preflight's check of the vocabularies, before any work: data and tokenizer need not be there yet. */
const checkVocabularies = (
  resolved: Resolved,
  { draft, target, others = [] }: Architectures,
): Effect.Effect<void, InvalidInput> => {
  const vocabularySize = tokenizerSize(resolved)
  const models = [{ name: "draft", architecture: draft }, { name: "target", architecture: target }, ...others].map(
    ({ name, architecture }) => ({ name, vocabularySize: architecture.vocabularySize }),
  )
  const problems = vocabularyProblems(models, vocabularySize === undefined ? undefined : { vocabularySize })
  return problems.length === 0
    ? Effect.void
    : Effect.fail(new InvalidInput({ what: `experiment ${resolved.name}`, problems }))
}

/** The architectures of all models of an experiment. */
const architecturesOf = (resolved: Resolved): Effect.Effect<Architectures, InvalidInput | DataError> =>
  Effect.gen(function* () {
    const [, , ...others] = ownStarts(resolved)
    const target = yield* architectureOfStart(resolved.target, "target", undefined)
    return {
      draft: yield* architectureOfStart(resolved.draft.start, "draft", target),
      target,
      others: yield* Effect.forEach(others, ({ name, start }) =>
        Effect.map(architectureOfStart(start, name, target), (architecture) => ({ name, architecture })),
      ),
    }
  })

/** The settings and stages that all drafts of an experiment share. */
export interface Shared extends Omit<Distilling, "start" | "seed" | "architectures"> {
  readonly architectures: Architectures
  readonly tokenizer: Stage
  readonly cleanText: CleanText
  /** Texts of references that have a task of their own, by key: filled as cells are built. */
  readonly cleanTexts: Map<string, Stage>
}

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
    const { task } = resolved
    const text = texts.of(task)
    const tokenizer = yield* tokenizerStage(text, resolved.tokenizer)
    const encoding = { maxLength: resolved.maxLength, specialTokens: resolved.tokenizer.specialTokens ?? "text" }
    const data = dataStage(`data, ${task.name}`, text, tokenizer, encoding)
    const sizes = sizesOf(data) ?? guessedSizes(resolved)
    const cleanTexts = new Map<string, Stage>()
    const cleanText: CleanText = ({ task }) => {
      if (task === undefined) return {}
      const own = dataStage(`clean text, ${task.name}`, texts.of(task), tokenizer, encoding)
      // The experiment's own text, named again, is the same artifact.
      if (own.key === data.key) return {}
      cleanTexts.set(own.key, own)
      return { data: own, sizes: sizesOf(own) ?? guessedSizes(resolved) }
    }
    const architectures = yield* architecturesOf(resolved)
    yield* checkVocabularies(resolved, architectures)
    const place = { kind: "target", name: "target", label: "target", data, seed: 0, sizes } as const
    const { stage: target } = yield* begunStage(resolved.target, place)
    return { tokenizer, data, target, architectures, sizes, cleanText, cleanTexts }
  })

/** The drafts before any arm, under a seed. */
export const startOf = ({ draft }: Pick<Resolved, "draft">, shared: Shared, seed: number) =>
  ownModel(draft.start, shared, { name: "draft start", seed })

/** The stages that make one arm under one seed. */
export interface Cell {
  /** The model that the arm begins with. */
  readonly start: Stage
  readonly architecture: Architecture
  readonly reference: Stage | undefined
  readonly signals: SignalStages
  readonly trained: Stage
}

/**
 * The stages of an arm under a seed.
 *
 * @param draft the drafts' start
 * @param others the arms by name, for an arm that begins with another one
 */
export const cellStages = (
  { start, filterNeedsReference, ...arm }: Arm,
  shared: Shared,
  draft: Begun,
  seed: number,
  others: ReadonlyMap<string, Arm> = new Map(),
): Effect.Effect<Cell, InvalidInput | DataError> =>
  Effect.gen(function* () {
    const reference = yield* frozenReference(arm.reference, shared, draft, seed)
    const begun = yield* Effect.gen(function* () {
      if (start.kind === "draft") return draft
      if (start.kind === "reference") return reference! // `resolve` has seen that it is a model
      if (start.kind !== "arm") return yield* ownModel(start, shared, { name: `${arm.name} start`, seed })
      const before = yield* cellStages(others.get(start.arm)!, shared, draft, seed, others)
      return { stage: before.trained, architecture: before.architecture }
    })
    const from = distillingFrom(begun, shared, seed)
    const distilling = {
      ...from,
      architectures: { ...from.architectures, ...(reference && { reference: reference.architecture }) },
    }
    const compared = filterNeedsReference ? reference?.stage : undefined
    const settled = filterNeedsReference ? arm : { ...arm, reference: undefined }
    const signals = yield* signalStages(settled, compared, distilling)
    const trained = yield* armStage(settled, compared, signals, distilling)
    return { start: begun.stage, architecture: begun.architecture, reference: reference?.stage, signals, trained }
  })

/** A stage of the whole of a draft's cost: its steps, its reference's, the caches that they read. Targets and starts are given. */
export const paidFor = (trained: Stage): ReadonlyArray<Stage> =>
  inOrder([trained]).filter(({ kind }) => kind === "arm" || kind === "reference" || kind === "signals")
