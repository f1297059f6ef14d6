/** The stages of an experiment: tokenizer, data, target, its rollouts; for each seed start, references, arms, measures. */
import { type Architecture, type DataError, InvalidInput } from "@winnow/core"
import { byteTokenizer, vocabularyProblems } from "@winnow/data"
import { signalProblems } from "@winnow/training"
import { Effect } from "effect"
import type { Resolved, ResolvedArm, ResolvedReference } from "./experiment/resolve.ts"
import { instancesOf } from "./experiment/uses.ts"
import type { Stage } from "./stage.ts"
import { armStage, type Distilling, referenceSignalsOf, type SignalStages } from "./stages/arm.ts"
import { measureStage } from "./stages/measure.ts"
import { cleanTextStage, pretrainStage } from "./stages/pretrain.ts"
import { folderArchitecture, pretrainedStage } from "./stages/pretrained.ts"
import { rolloutsStage } from "./stages/rollouts.ts"
import { referenceSignalsStage, type SplitSize, targetSignalsStage } from "./stages/signals.ts"
import { dataStage, tokenizerStage } from "./stages/text.ts"
import type { Sizes } from "./stages/training.ts"

/** A draft of the run, and what was measured of it. */
export interface Measured {
  /** The arm's name; "start" and "reference" stand beside the arms for comparison. */
  readonly name: string
  readonly role: "start" | "reference" | "arm"
  readonly seed: number
  readonly trained: Stage
  /** The frozen reference that the arm's filter used. */
  readonly reference?: Stage | undefined
  /** Caches that the arm read in the place of frozen models. */
  readonly signals: ReadonlyArray<Stage>
  readonly measure: Stage
}

export interface Graph {
  readonly tokenizer: Stage
  readonly data: Stage
  /** Texts of references that have a task of their own. */
  readonly cleanTexts: ReadonlyArray<Stage>
  readonly target: Stage
  readonly greedy: Stage
  readonly sampled: Stage
  readonly measured: ReadonlyArray<Measured>
  /** All that a run needs; `runStages` adds what these are made from. */
  readonly leaves: ReadonlyArray<Stage>
  readonly architectures: { readonly draft: Architecture; readonly target: Architecture }
}

/** What a clean-text reference is trained on: the task of its own, or nothing else than the arms. */
type CleanText = (
  spec: Extract<ResolvedReference, { kind: "clean-text" }>,
) => Effect.Effect<Partial<Pick<Distilling, "data" | "sizes">>, InvalidInput>

/** The stage of a reference that is trained before the arm; undefined where there is none, or it follows the draft. */
const frozenReference = (
  spec: ResolvedReference | undefined,
  distilling: Distilling,
  cleanText: CleanText,
): Effect.Effect<Stage | undefined, InvalidInput> => {
  if (spec?.kind === "clean-text")
    return Effect.map(cleanText(spec), (text) => cleanTextStage(spec, { ...distilling, ...text }))
  if (spec?.kind !== "distilled") return Effect.succeed(undefined)
  const { kind: _, ...training } = spec
  return Effect.gen(function* () {
    const arm = { ...training, name: "reference (distilled)", reference: undefined }
    const signals = yield* signalStages(arm, undefined, distilling)
    return yield* armStage(arm, undefined, signals, distilling)
  })
}

/** How much the training split holds, where its data is there. */
const splitSize = ({ length, trained, examples }: Sizes): SplitSize | undefined =>
  examples === undefined ? undefined : { seen: examples * (length - 1), trained: examples * trained, length }

/** The caches that an arm reads. @error InvalidInput for a top k that the vocabulary does not have */
const signalStages = (
  arm: Omit<ResolvedArm, "config">,
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

/** The name of what is measured on, as every figure carries it. */
export const datasetName = ({ task, measure }: Resolved): string => `${task.name}/${measure.split}`

/** Tokens of an example where the data is not encoded yet: a rough figure for estimates. */
export const guessedSizes = ({ maxLength }: Resolved): Sizes => ({ length: maxLength * 0.55, trained: maxLength * 0.3 })

/** Ids of the tokenizer, where the experiment says it; a file's are known once it is read. */
const tokenizerSize = ({ tokenizer }: Resolved): number | undefined => {
  if (tokenizer.kind === "byte") return byteTokenizer.vocabularySize
  return tokenizer.kind === "bpe" ? tokenizer.vocabulary : undefined
}

/** What preflight would say of the vocabularies once data and tokenizer are there, said before any work. */
const checkVocabularies = (
  resolved: Resolved,
  architectures: Graph["architectures"],
): Effect.Effect<void, InvalidInput> => {
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

/**
 * Builds the graph; nothing runs.
 *
 * @error InvalidInput for vocabularies that preflight would refuse; DataError for a target folder that cannot be read
 * @param sizesOf mean lengths of the encoded data if it is there: for estimates alone, no key depends on it
 */
export const buildGraph = (
  resolved: Resolved,
  sizesOf: (data: Stage) => Sizes | undefined = () => undefined,
): Effect.Effect<Graph, InvalidInput | DataError> =>
  Effect.gen(function* () {
    const { task, draft, target: targetSpec, measure } = resolved
    const tokenizer = yield* tokenizerStage(task, resolved.tokenizer)
    const data = yield* dataStage(task, tokenizer, resolved.maxLength)
    const sizes = sizesOf(data) ?? guessedSizes(resolved)
    const cleanTexts = new Map<string, Stage>()
    const cleanText: CleanText = ({ task }) => {
      if (task === undefined) return Effect.succeed({})
      return Effect.map(dataStage(task, tokenizer, resolved.maxLength), (own) => {
        // The experiment's own task, named again, is the same artifact.
        if (own.key === data.key) return {}
        cleanTexts.set(own.key, { ...own, label: `clean text, ${task.name}` })
        return { data: cleanTexts.get(own.key)!, sizes: sizesOf(own) ?? guessedSizes(resolved) }
      })
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
    const inputs = { tokenizer, data, target }
    const greedy = yield* rolloutsStage(task, measure, "greedy", inputs)
    const sampled = yield* rolloutsStage(task, measure, "sampled", inputs)

    const measured: Array<Measured> = []
    for (const seed of resolved.seeds) {
      const start = yield* pretrainStage({
        kind: "start",
        label: `draft start, seed ${seed}`,
        model: draft.model,
        training: draft.pretraining,
        data,
        seed,
        sizes,
      })
      const distilling: Distilling = { data, target, start, seed, sizes, architectures }
      const add = (
        name: string,
        role: Measured["role"],
        trained: Stage,
        reference?: Stage,
        caches: SignalStages = {},
      ) => {
        const common = { target, tokenizer, greedy, sampled, measure, dataset: datasetName(resolved) }
        const label = `measure ${name}, seed ${seed}`
        const of = measureStage({ ...common, label, draft: trained, timed: role === "arm" })
        const signals = [caches.target, caches.reference].filter((stage) => stage !== undefined)
        measured.push({ name, role, seed, trained, reference, signals, measure: of })
      }
      add("start", "start", start)
      const references = new Map<string, Stage>()
      const armKeys = new Set<string>()
      for (const arm of resolved.arms) {
        const reference = yield* frozenReference(arm.reference, distilling, cleanText)
        if (reference) references.set(reference.key, reference)
        const signals = yield* signalStages(arm, reference, distilling)
        const trained = yield* armStage(arm, reference, signals, distilling)
        armKeys.add(trained.key)
        add(arm.name, "arm", trained, reference, signals)
      }
      // A reference that is one of the arms is measured as that arm.
      const others = [...references.values()].filter(({ key }) => !armKeys.has(key))
      for (const [i, reference] of others.entries())
        add(`reference${i === 0 ? "" : ` ${i + 1}`}`, "reference", reference)
    }
    const leaves = [greedy, sampled, ...measured.map(({ measure }) => measure)]
    return {
      tokenizer,
      data,
      cleanTexts: [...cleanTexts.values()],
      target,
      greedy,
      sampled,
      measured,
      leaves,
      architectures,
    }
  })
