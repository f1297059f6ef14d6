/**
 * The texts of an experiment's tasks, read once at the beginning of each run. A data stage's key covers their content.
 * Therefore a task may read files, and two tasks of one name have different keys.
 */
import {
  DataError,
  type Datasets,
  type Example,
  InvalidInput,
  isUse,
  type Split,
  type TaskInstance,
  type TaskUse,
} from "@winnow/core"
import { hashingTexts } from "@winnow/files"
import { Effect } from "effect"
import { plain } from "./experiment/plain-json.ts"
import { isNode } from "./experiment/registry.ts"
import type { Resolved } from "./experiment/resolved.ts"
import { inPieces } from "./store/in-pieces.ts"
import { canonicalJson, keyOf } from "./store/key.ts"

export const splits: ReadonlyArray<Split> = ["train", "validation", "test"]

/** The examples of a task. */
export interface Text {
  /** SHA-256 by split. */
  readonly hashes: Readonly<Record<Split, string>>
  /** Examples of a split. @error DataError in a worker, which has the hashes alone */
  readonly examples: (split: Split) => Effect.Effect<ReadonlyArray<Example>, DataError>
  /** Facts that the task tells of its data. */
  readonly notes?: ReadonlyArray<string>
  /** True if its splits share prompts on purpose. */
  readonly sharesPrompts?: boolean
  /** The field of the task, where it has one; left out in a worker. */
  readonly score?: TaskInstance["score"] | undefined
}

/** The texts of all tasks of an experiment. */
export interface Texts {
  readonly of: (task: TaskUse) => Text
  /** The hashes that a worker gets, in the order of `tasksOf`. */
  readonly hashes: ReadonlyArray<Text["hashes"]>
}

/** The tasks that texts of trainings, and filters of examples, name, in a value that holds such. */
const tasksIn = (value: unknown): ReadonlyArray<TaskUse> => {
  if (isUse(value) && value.kind === "examples") return tasksIn(value.options)
  if (isUse(value)) return value.kind === "task" ? [value as unknown as TaskUse] : []
  return isNode(value) ? Object.values(value).flatMap(tasksIn) : []
}

/** A task by its name and options: a decoded experiment holds a copy of each task at every place that names it. */
export const taskKey = (task: TaskUse): string => canonicalJson(Effect.runSync(plain(task))) // `resolve` has checked it.

/** The tasks of an experiment, each once, in one order: its own, those whose text a training or a choice reads, those of measures. */
export const tasksOf = ({
  task,
  target,
  draft,
  placed,
  stability,
  measures,
}: Pick<Resolved, "task" | "target" | "draft" | "placed" | "stability" | "measures">): ReadonlyArray<TaskUse> => {
  const byKey = new Map<string, TaskUse>()
  const trained = [target, draft, stability, ...placed.map(({ arm }) => arm)].flatMap(tasksIn)
  for (const of of [task, ...trained, ...measures.flatMap((measure) => measure.task ?? [])]) {
    const key = taskKey(of)
    if (!byKey.has(key)) byKey.set(key, of)
  }
  return [...byKey.values()]
}

/** Runs code of a task. @error InvalidInput for an exception of that code, which is a fault of the task */
export const tryTask = <A>(run: () => A): Effect.Effect<A, InvalidInput> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(run())
    } catch (cause) {
      return cause instanceof InvalidInput ? Effect.fail(cause) : Effect.die(cause)
    }
  })

/** Examples as JSON, a list of prompts and answers, in pieces. */
function* jsonOf(examples: ReadonlyArray<Example>): Generator<string> {
  yield "["
  for (const [i, { prompt, answer, corrupted }] of examples.entries())
    yield `${i > 0 ? "," : ""}${JSON.stringify(corrupted === true ? [prompt, answer, "corrupted"] : [prompt, answer])}`
  yield "]"
}

const textOf = (task: TaskUse): Effect.Effect<Text, InvalidInput | DataError, Datasets> =>
  Effect.gen(function* () {
    const { examples, notes = [], sharesPrompts = false, score } = yield* task.instance
    const all = new Map<Split, ReadonlyArray<Example>>()
    for (const split of splits) {
      all.set(split, yield* tryTask(() => examples(split)))
      yield* Effect.yieldNow
    }
    const hash = (split: Split) => inPieces(() => hashingTexts(jsonOf(all.get(split)!)))
    return {
      hashes: { train: yield* hash("train"), validation: yield* hash("validation"), test: yield* hash("test") },
      examples: (split) => Effect.succeed(all.get(split)!),
      notes,
      sharesPrompts,
      score,
    }
  })

const collected = (tasks: ReadonlyArray<TaskUse>, texts: ReadonlyArray<Text>): Texts => {
  const byKey = new Map(tasks.map((task, i) => [taskKey(task), texts[i]!]))
  return {
    of: (task) => {
      const text = byKey.get(taskKey(task))
      if (text === undefined) throw new Error(`the text of task ${task.name} was not read`)
      return text
    },
    hashes: texts.map(({ hashes }) => hashes),
  }
}

/** Reads the texts of an experiment. @error DataError for a data set that is missing or unreadable */
export const readTexts = (resolved: Resolved): Effect.Effect<Texts, InvalidInput | DataError, Datasets> => {
  const tasks = tasksOf(resolved)
  return Effect.map(Effect.forEach(tasks, textOf), (texts) => collected(tasks, texts))
}

/** The texts of a worker: keys follow from the hashes, and the data stage's artifact has the examples. */
export const toldTexts = (resolved: Resolved, hashes: Texts["hashes"]): Texts => {
  const message = "a worker has no examples; the run's own process encodes them"
  const hashesOnly = (hashes: Text["hashes"]): Text => ({
    hashes,
    examples: () => Effect.fail(new DataError({ message })),
  })
  return collected(tasksOf(resolved), hashes.map(hashesOnly))
}

/** One hash for all splits. */
export const textHash = ({ hashes }: Text): string => keyOf(hashes)
