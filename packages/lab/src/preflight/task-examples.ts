/** Checks a task's examples before any work: empty splits, prompts that are measured and trained on, empty answers. */
import { brief, type DataError, type Example, InvalidInput, type Split, type TaskUse } from "@winnow/core"
import { Effect } from "effect"
import { trainingsOf } from "../experiment/places.ts"
import type { Resolved } from "../experiment/resolved.ts"
import { promptsAt, searches, searchingOf } from "../experiment/searching.ts"
import { type ResolvedText, writtenIn } from "../experiment/text.ts"
import { inPieces } from "../store/in-pieces.ts"
import { splits, type Text, type Texts, taskKey, tasksOf, tryTask } from "../texts.ts"
import { type Overlap, overlapOf } from "./overlap.ts"

/** True if a text holds U+FFFD, which stands for bytes that are no UTF-8, or half of a surrogate pair. */
const isBroken = ({ prompt, answer }: Example) => {
  const text = prompt + answer
  return text.includes("\uFFFD") || !text.isWellFormed()
}

const isEmpty = ({ answer }: Example) => answer.trim() === ""

/** Says how many prompts of a split another one has, and shows the first. */
const sharedText = (split: Split, examples: ReadonlyArray<Example>, other: string, { same, alike }: Overlap) => {
  const answers = alike === same.length ? "with the same answers" : `${alike} of them with the same answers`
  return `${same.length} of ${examples.length} prompts of the ${split} split are in ${other} too, ${answers}; the first: ${brief(examples[same[0]!]!.prompt, 60)}`
}

/**
 * Looks at all splits of a task.
 *
 * @param splitsNeeded the training split, the measured split, the split on which settings are chosen
 * @param answers false: no training reads them, so they may be empty
 * @returns notes on overlaps and odd texts, counted, with the first of each
 * @error InvalidInput for a split that is needed and empty, answers that are all empty, a score that fails
 */
export const checkTask = (
  name: string,
  text: Text,
  splitsNeeded: ReadonlyArray<Split>,
  answers = true,
): Effect.Effect<ReadonlyArray<string>, InvalidInput | DataError> =>
  Effect.gen(function* () {
    const refuse = (...problems: ReadonlyArray<string>) => new InvalidInput({ what: `task ${name}`, problems })
    const { score } = text
    const read = new Map<Split, ReadonlyArray<Example>>()
    for (const split of splits) read.set(split, yield* text.examples(split))
    const needed = [...new Set(splitsNeeded)]
    const notes: Array<string> = [...(text.notes ?? [])]
    const problems: Array<string> = []
    for (const split of needed) {
      yield* Effect.yieldNow
      const all = read.get(split)!
      if (all.length === 0) {
        const why = split === "train" ? "there is nothing to train on" : "there is nothing to measure on"
        problems.push(`its ${split} split has no examples: ${why}`)
        continue
      }
      const empty = answers ? all.filter(isEmpty).length : 0
      const first = all.findIndex(isEmpty)
      if (split === "train" && empty === all.length)
        problems.push(`all ${empty} answers of its train split are empty: only the end of a text would be trained`)
      else if (empty > 0)
        notes.push(
          `${empty} of ${all.length} answers of the ${split} split are empty (the first is of example ${first}, ${brief(all[first]!.prompt, 60)}): only the end is trained there`,
        )
      const broken = all.findIndex(isBroken)
      if (broken >= 0)
        notes.push(
          `${all.filter(isBroken).length} of ${all.length} examples of the ${split} split hold U+FFFD, which stands for bytes that are no UTF-8, or half a character; ` +
            `the first is example ${broken}, ${brief(all[broken]!.prompt, 60)}: was its file read in another encoding?`,
        )
    }
    if (problems.length > 0) return yield* refuse(...problems)
    const measured = needed.filter((split) => split !== "train")
    if (measured.length === 2) {
      const [test, validation] = [read.get("test")!, read.get("validation")!]
      const shared = yield* inPieces(() => overlapOf(test, validation))
      if (shared.same.length > 0)
        notes.push(
          `${sharedText("test", test, "the validation split", shared)}. Settings are chosen on prompts that are also measured`,
        )
    }
    if (score) {
      const tried = measured.flatMap((split) => read.get(split)!.slice(0, 3))
      const refused = yield* tryTask(() => tried.filter((example) => !score(example, example.answer)))
      if (refused.length > 0)
        notes.push(
          `score refuses the own answer of ${refused.length} of ${tried.length} examples; the first: ${brief(refused[0]!.prompt, 60)}`,
        )
    }
    return notes.map((note) => `task ${name}: ${note}`)
  })

/**
 * Refuses a measured split of which a trained text has prompts, unless the task shares them on purpose; notes those that
 * it nearly has.
 *
 * @param task the task that is measured on, with the splits of it that are
 * @param trained the tasks whose training splits are trained on
 * @error InvalidInput that counts the prompts by split and task, with the first
 */
const apartFrom = (
  { task, split }: { readonly task: TaskUse; readonly split: Split },
  trained: ReadonlyArray<TaskUse>,
  texts: Texts,
): Effect.Effect<ReadonlyArray<string>, InvalidInput | DataError> =>
  Effect.gen(function* () {
    const measured = yield* texts.of(task).examples(split)
    const problems: Array<string> = []
    const notes: Array<string> = []
    for (const other of trained) {
      const found = yield* Effect.flatMap(texts.of(other).examples("train"), (examples) =>
        inPieces(() => overlapOf(measured, examples)),
      )
      const where = other === task ? "the train split" : `the train split of task ${other.name}`
      if (found.same.length > 0) {
        const shared = sharedText(split, measured, where, found)
        if (texts.of(task).sharesPrompts)
          notes.push(`task ${task.name}: ${shared}. What is measured on them was trained on`)
        else
          problems.push(
            `${shared}. A prompt that is measured may not be trained on: leave such examples out of the train split`,
          )
      }
      if (found.near.length > 0)
        notes.push(
          `task ${task.name}: ${found.near.length} of ${measured.length} prompts of the ${split} split are nearly in ${where}: ` +
            `one prompt there has four of five of their runs of five words; the first: ${brief(measured[found.near[0]!]!.prompt, 60)}`,
        )
    }
    if (problems.length > 0) return yield* new InvalidInput({ what: `task ${task.name}`, problems })
    return notes
  })

/** Tasks whose own answers a text has, the experiment's where none is named, and how many of the first ones if not all. */
const answersIn = (
  text: ResolvedText | undefined,
): ReadonlyArray<{ readonly task?: TaskUse | undefined; readonly first?: number | undefined }> => {
  if (text === undefined) return [{}]
  if (text.kind === "mixture") return Object.values(text.parts).flatMap((part) => answersIn(part.text))
  return text.kind === "written" ? [] : [text]
}

/** Prompts that a place of the experiment asks for. */
interface Asked {
  readonly at: string
  readonly prompts: number
  readonly split: Split
  /** The experiment's own if left out. */
  readonly task?: TaskUse | undefined
}

/** The same for all tasks of an experiment: its own, and those whose text a training reads. */
export const checkTasks = (
  resolved: Resolved,
  texts: Texts,
): Effect.Effect<ReadonlyArray<string>, InvalidInput | DataError> => {
  const { measure, stability, draft } = resolved
  const chooses = searches(resolved)
  const requests: ReadonlyArray<Asked> = [
    { at: "measure.prompts", prompts: measure.prompts, split: measure.split },
    ...(chooses
      ? [{ at: promptsAt(resolved), prompts: searchingOf(resolved).prompts, split: "validation" as const }]
      : []),
    ...trainingsOf(resolved).flatMap(({ at, training }) =>
      writtenIn(training.text).map(({ prompts = 0, task }) => ({
        at: `${at}.text.prompts`,
        split: "train" as const,
        ...{ prompts, task },
      })),
    ),
    ...trainingsOf(resolved).flatMap(({ at, training }) =>
      answersIn(training.text).map(({ task, first = 0 }) => ({
        at: `${at}.text.first`,
        split: "train" as const,
        ...{ prompts: first, task },
      })),
    ),
  ]
  const own: ReadonlyArray<Split> = [
    "train",
    measure.split,
    ...(chooses || draft.scored ? (["validation"] as const) : []),
    ...(stability && !stability.text ? [stability.split] : []),
  ]
  const read = new Set(
    trainingsOf(resolved)
      .flatMap(({ training }) => answersIn(training.text))
      .map(({ task }) => taskKey(task ?? resolved.task)),
  )
  return Effect.gen(function* () {
    const ofMeasures = new Set(resolved.measures.flatMap((of) => (of.task ? [taskKey(of.task)] : [])))
    const isMeasured = (task: TaskUse) => ofMeasures.has(taskKey(task))
    const notes = yield* Effect.forEach(tasksOf(resolved), (task) =>
      checkTask(
        task.name,
        texts.of(task),
        task === resolved.task ? own : isMeasured(task) ? ["train", measure.split] : ["train"],
        read.has(taskKey(task)) || isMeasured(task),
      ),
    )
    const problems: Array<string> = []
    for (const { at, prompts, split, task } of requests) {
      const { length } = yield* texts.of(task ?? resolved.task).examples(split)
      const of = `the ${split} split${task ? ` of ${task.name}` : ""}`
      if (length < prompts) problems.push(`${at} is ${prompts}, ${of} has ${length} examples; ask for fewer`)
    }
    if (problems.length > 0) return yield* new InvalidInput({ what: `experiment ${resolved.name}`, problems })
    const measured = [...new Set(own)].filter((split) => split !== "train")
    const near = yield* Effect.forEach(
      [
        ...measured.map((split) => ({ task: resolved.task, split })),
        // A measure fits on the training split of its own task.
        ...tasksOf(resolved).flatMap((task) =>
          isMeasured(task) && task !== resolved.task ? [{ task, split: measure.split }] : [],
        ),
      ],
      (of) => apartFrom(of, tasksOf(resolved), texts),
    )
    return [...notes, ...near].flat()
  })
}
