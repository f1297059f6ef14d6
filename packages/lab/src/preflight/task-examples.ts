/** Checks a task's examples before any work: empty splits, examples that splits share, empty answers. */
import { brief, type DataError, type Example, InvalidInput, type Split, type TaskUse } from "@winnow/core"
import { Effect } from "effect"
import { trainingsOf } from "../experiment/places.ts"
import type { Resolved } from "../experiment/resolved.ts"
import { writtenIn } from "../experiment/text.ts"
import { splits, type Text, type Texts, tasksOf, tryTask } from "../texts.ts"

const keyOf = ({ prompt, answer }: Example) => JSON.stringify([prompt, answer])

/** True if a text holds U+FFFD, which stands for bytes that are no UTF-8, or half of a surrogate pair. */
const isBroken = ({ prompt, answer }: Example) => {
  const text = prompt + answer
  return text.includes("\uFFFD") || !text.isWellFormed()
}

const isEmpty = ({ answer }: Example) => answer.trim() === ""

/** Notes examples that two splits share. */
const overlap = (split: Split, examples: ReadonlyArray<Example>, other: Split, others: ReadonlyArray<Example>) => {
  const prompts = new Set(others.map(({ prompt }) => prompt))
  const shared = examples.filter(({ prompt }) => prompts.has(prompt))
  if (shared.length === 0) return []
  const whole = new Set(others.map(keyOf))
  const alike = shared.filter((example) => whole.has(keyOf(example))).length
  const answers = alike === shared.length ? "with the same answers" : `${alike} of them with the same answers`
  return [
    `${shared.length} of ${examples.length} prompts of the ${split} split are in the ${other} split too, ${answers}; the first: ` +
      `${brief(shared[0]!.prompt, 60)}. ${other === "train" ? "What is measured on them was trained on" : "Settings are chosen on prompts that are also measured"}`,
  ]
}

/**
 * Looks at all splits of a task.
 *
 * @param splitsNeeded the training split, the measured split, the split on which settings are chosen
 * @returns notes on overlaps and odd texts, counted, with the first of each
 * @error InvalidInput for a split that is needed and empty, answers that are all empty, a score that fails
 */
export const checkTask = (
  name: string,
  text: Text,
  splitsNeeded: ReadonlyArray<Split>,
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
      const empty = all.filter(isEmpty).length
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
    for (const split of measured) {
      yield* Effect.yieldNow
      notes.push(...overlap(split, read.get(split)!, "train", read.get("train")!))
    }
    if (measured.length === 2) notes.push(...overlap("test", read.get("test")!, "validation", read.get("validation")!))
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
  const { measure, sweep } = resolved
  const requests: ReadonlyArray<Asked> = [
    { at: "measure.prompts", prompts: measure.prompts, split: measure.split },
    ...(sweep ? [{ at: "sweep.prompts", prompts: sweep.prompts, split: "validation" as const }] : []),
    ...trainingsOf(resolved).flatMap(({ at, training }) =>
      writtenIn(training.text).map(({ prompts = 0, task }) => ({
        at: `${at}.text.prompts`,
        split: "train" as const,
        ...{ prompts, task },
      })),
    ),
  ]
  const own: ReadonlyArray<Split> = ["train", measure.split, ...(sweep ? (["validation"] as const) : [])]
  return Effect.gen(function* () {
    const notes = yield* Effect.forEach(tasksOf(resolved), (task) =>
      checkTask(task.name, texts.of(task), task === resolved.task ? own : ["train"]),
    )
    const problems: Array<string> = []
    for (const { at, prompts, split, task } of requests) {
      const { length } = yield* texts.of(task ?? resolved.task).examples(split)
      const of = `the ${split} split${task ? ` of ${task.name}` : ""}`
      if (length < prompts) problems.push(`${at} is ${prompts}, ${of} has ${length} examples; ask for fewer`)
    }
    if (problems.length > 0) return yield* new InvalidInput({ what: `experiment ${resolved.name}`, problems })
    return notes.flat()
  })
}
