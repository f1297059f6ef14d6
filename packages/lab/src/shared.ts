/** The stages that all drafts of an experiment share. */
import type { DataError, HeadArchitecture, InvalidInput, ServiceUse, TaskUse } from "@winnow/core"
import { Effect } from "effect"
import type { Architectures } from "./architectures.ts"
import { ownStarts } from "./experiment/places.ts"
import type { Resolved } from "./experiment/resolved.ts"
import type { Stability } from "./experiment/stability.ts"
import type { OwnStart } from "./experiment/start.ts"
import { checkAttention } from "./preflight/attention.ts"
import { checkVocabularies } from "./preflight/vocabularies.ts"
import { folderOf, sharedRows } from "./shared-rows.ts"
import type { Stage } from "./stage.ts"
import type { ProbeText } from "./stages/probe.ts"
import { architectureOfStart, begunStage } from "./stages/start.ts"
import { dataStage, tokenizerStage } from "./stages/text.ts"
import type { Sizes } from "./stages/training.ts"
import { type Texts, taskKey, tasksOf } from "./texts.ts"
import { type TextStages, type TrainingText, textOf } from "./training-text.ts"

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
