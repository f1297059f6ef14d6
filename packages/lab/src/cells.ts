/** The stages of one draft of an experiment, and those that all its drafts share. */
import { type Architecture, type DataError, InvalidInput } from "@winnow/core"
import { byteTokenizer, vocabularyProblems } from "@winnow/data"
import { signalProblems } from "@winnow/training"
import { Effect } from "effect"
import type { Resolved, ResolvedArm, ResolvedReference, SettledArm } from "./experiment/resolve.ts"
import { instancesOf } from "./experiment/uses.ts"
import { inOrder, type Stage } from "./stage.ts"
import { armStage, type Distilling, referenceSignalsOf, type SignalStages } from "./stages/arm.ts"
import { cleanTextStage, pretrainStage } from "./stages/pretrain.ts"
import { folderArchitecture, pretrainedStage } from "./stages/pretrained.ts"
import { referenceSignalsStage, type SplitSize, targetSignalsStage } from "./stages/signals.ts"
import { dataStage, tokenizerStage } from "./stages/text.ts"
import type { Sizes } from "./stages/training.ts"
import type { Texts } from "./texts.ts"

/** An arm that can be trained. */
export interface Arm extends SettledArm, Pick<ResolvedArm, "from" | "filterNeedsReference"> {}

/** Models by their shape. */
export interface Architectures {
  readonly draft: Architecture
  readonly target: Architecture
}

/** The data of a clean-text reference: of a task of its own, or none beside the arms' data. */
type CleanText = (
  spec: Extract<ResolvedReference, { kind: "clean-text" }>,
) => Partial<Pick<Distilling, "data" | "sizes">>

/** The stage of a reference that is trained before the arm; undefined where there is none, or it follows the draft. */
const frozenReference = (
  spec: ResolvedReference | undefined,
  distilling: Distilling,
  cleanText: CleanText,
): Effect.Effect<Stage | undefined, InvalidInput> => {
  if (spec?.kind === "clean-text") return Effect.succeed(cleanTextStage(spec, { ...distilling, ...cleanText(spec) }))
  if (spec?.kind !== "distilled") return Effect.succeed(undefined)
  const { kind: _, ...training } = spec
  return Effect.gen(function* () {
    const arm = { ...training, name: "reference (distilled)", reference: undefined, shuffleReference: false }
    const signals = yield* signalStages(arm, undefined, distilling)
    return yield* armStage(arm, undefined, signals, distilling)
  })
}

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
    const problems = signalProblems(arm.signals, yield* instancesOf(arm), { V: architectures.target.vocabularySize })
    if (problems.length > 0) return yield* new InvalidInput({ what: `arm ${arm.name}`, problems })
    const size = splitSize(sizes)
    const form = arm.signals.target
    const targetSignals =
      form === "live" ? undefined : targetSignalsStage(form, { data, target, architecture: architectures.target, size })
    if (reference === undefined || arm.signals.reference !== "cached") return { target: targetSignals }
    const more = { data, target, reference, targetSignals, architectures, size, seed }
    return {
      target: targetSignals,
      reference: yield* referenceSignalsStage(yield* referenceSignalsOf(arm), more),
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
const checkVocabularies = (resolved: Resolved, architectures: Architectures): Effect.Effect<void, InvalidInput> => {
  const vocabularySize = tokenizerSize(resolved)
  const models = (["draft", "target"] as const).map((name) => ({
    name,
    vocabularySize: architectures[name].vocabularySize,
  }))
  const problems = vocabularyProblems(models, vocabularySize === undefined ? undefined : { vocabularySize })
  return problems.length === 0
    ? Effect.void
    : Effect.fail(new InvalidInput({ what: `experiment ${resolved.name}`, problems }))
}

/** The settings and stages that all drafts of an experiment share. */
export interface Shared extends Omit<Distilling, "start" | "seed"> {
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
    const { task, draft, target: targetSpec } = resolved
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
    const architectures = {
      draft: yield* draft.model.instance,
      target:
        targetSpec.kind === "trained" ? yield* targetSpec.model.instance : yield* folderArchitecture(targetSpec.path),
    }
    yield* checkVocabularies(resolved, architectures)
    const target =
      targetSpec.kind === "trained"
        ? yield* pretrainStage({
            kind: "target",
            label: "target",
            model: targetSpec.model,
            training: targetSpec,
            data,
            seed: targetSpec.seed,
            sizes,
          })
        : yield* pretrainedStage(targetSpec.path, architectures.target)
    return { tokenizer, data, target, architectures, sizes, cleanText, cleanTexts }
  })

/** The draft before any arm, under a seed. */
export const startStage = ({ draft }: Pick<Resolved, "draft">, { data, sizes }: Shared, seed: number) =>
  pretrainStage({
    kind: "start",
    label: `draft start, seed ${seed}`,
    model: draft.model,
    training: draft.pretraining,
    data,
    seed,
    sizes,
  })

/** The stages that make one arm under one seed. */
export interface Cell {
  readonly start: Stage
  readonly reference: Stage | undefined
  readonly signals: SignalStages
  readonly trained: Stage
}

/** The stages of an arm under a seed. */
export const cellStages = (
  { from, filterNeedsReference, ...arm }: Arm,
  shared: Shared,
  start: Stage,
  seed: number,
): Effect.Effect<Cell, InvalidInput> =>
  Effect.gen(function* () {
    const distilling: Distilling = { ...shared, start, seed }
    const reference = yield* frozenReference(arm.reference, distilling, shared.cleanText)
    const compared = filterNeedsReference ? { arm, reference } : { arm: { ...arm, reference: undefined } }
    const signals = yield* signalStages(compared.arm, compared.reference, distilling)
    const begun = from === "reference" ? { ...distilling, start: reference! } : distilling
    const trained = yield* armStage(compared.arm, compared.reference, signals, begun)
    return { start, reference, signals, trained }
  })

/** A stage of the whole of a draft's cost: its steps, its reference's, the caches that they read. Targets and starts are given. */
export const paidFor = (trained: Stage): ReadonlyArray<Stage> =>
  inOrder([trained]).filter(({ kind }) => kind === "arm" || kind === "reference" || kind === "signals")
