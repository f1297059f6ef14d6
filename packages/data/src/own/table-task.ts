/** A task from tables of a user's own: files whose rows have columns, and templates for prompt and answer. */
import {
  type DataError,
  Datasets,
  defineTask,
  type Example,
  type Plugin,
  type Split,
  type TaskUse,
  textKey,
} from "@winnow/core"
import { type Traversal, type Type, type } from "arktype"
import { Effect } from "effect"
import type { Faults } from "./faults.ts"
import { readOwn } from "./read-own.ts"
import type { Row } from "./row.ts"
import { apart, splitByHash } from "./splits.ts"
import { columnsIn, filled } from "./template.ts"

const files = type("string >= 1").or(type("string >= 1").array().atLeastLength(1))
const share = type("0 <= number < 1")

/** The options that own data of every form has. */
export const ownOptions = type({
  /** Of the hash that makes splits. */
  seed: "number.integer = 0",
  /** A record without a text, of another type, empty or broken: an error with its place, or left out and counted. */
  faulty: "'refuse' | 'skip' = 'refuse'",
  "maxTrain?": "number.integer >= 1",
  "maxTest?": "number.integer >= 1",
})

/** The options of tables. */
export const tableOptions = type({
  "...": ownOptions,
  /** Paths: one or several files, read as one. */
  train: files,
  /** Paths, or the share of the training files that is held out by a hash of the prompt. */
  validation: files.or(share).default(0.05),
  test: files.or(share).default(0.1),
  /** A column's name, or a text with columns in braces. */
  prompt: "string >= 1 = 'prompt'",
  answer: "string >= 1 = 'answer'",
  /** Training examples whose prompt is held out: an error, or left out and counted. */
  overlap: "'refuse' | 'drop' = 'refuse'",
  /** "equal": a generated text solves an example if it is its answer, whatever its case and spaces. */
  score: "'none' | 'equal' = 'none'",
})

type TableOptions = typeof tableOptions.infer

/** A check of options: the shares that are held out are not all. */
export const leavesTraining = (
  { validation, test }: { readonly validation: unknown; readonly test: unknown },
  ctx: Traversal,
): boolean => {
  const held = [validation, test].reduce<number>((sum, share) => sum + (typeof share === "number" ? share : 0), 0)
  return (
    held < 1 || ctx.reject({ path: ["test"], expected: "less than 1 with validation: nothing is left to train on" })
  )
}

const isShare = (held: string | ReadonlyArray<string> | number): held is number => typeof held === "number"

/** Examples of rows; a row that can be none is a fault. @error (thrown) for no rows */
const examplesOf = (rows: ReadonlyArray<Row>, { prompt, answer }: TableOptions, faults: Faults) => {
  if (rows.length === 0) throw new Error("the file has no records")
  const examples: Array<Example> = []
  for (const row of rows) {
    if ("problem" in row) {
      faults.add(row.at, row.problem, "broken")
      continue
    }
    const [read, written] = [filled(prompt, row.columns), filled(answer, row.columns)]
    if ("problem" in read) faults.add(row.at, read.problem, "without a text for the prompt")
    else if ("problem" in written) faults.add(row.at, written.problem, "without a text for the answer")
    else if (read.text.trim() === "") faults.add(row.at, "its prompt is empty", "with an empty prompt")
    else if (written.text.trim() === "") faults.add(row.at, "its answer is empty", "with an empty answer")
    else examples.push({ prompt: read.text, answer: written.text })
  }
  return examples
}

/**
 * Defines a task from tables of one format.
 *
 * @param spec.options the schema of its options, which spreads `tableOptions`
 * @param spec.rows the rows of a file's bytes; `columns` are those that the templates read
 */
export const defineTableTask = <const O extends Type>(spec: {
  readonly name: string
  readonly options: O
  readonly rows: (
    bytes: Uint8Array,
    of: { readonly name: string; readonly columns: ReadonlyArray<string>; readonly options: O["infer"] },
  ) => Promise<ReadonlyArray<Row>>
}): Plugin<O, TaskUse<Datasets>> =>
  defineTask({
    name: spec.name,
    options: spec.options,
    make: (given: O["infer"]) =>
      Effect.gen(function* () {
        // The schema spreads tableOptions; TypeScript does not see it for a generic O.
        const options = given as TableOptions
        const { own } = yield* Datasets
        const notes: Array<string> = []
        const columns = [...new Set([...columnsIn(options.prompt), ...columnsIn(options.answer)])]
        const read = Effect.fnUntraced(function* (paths: string | ReadonlyArray<string>) {
          const examples: Array<Example> = []
          for (const path of typeof paths === "string" ? [paths] : paths) {
            const place = yield* own(path)
            const parse = (bytes: Uint8Array, name: string) => spec.rows(bytes, { name, columns, options: given })
            examples.push(
              ...(yield* readOwn(path, place, options.faulty, parse, (rows, faults) => {
                const found = examplesOf(rows, options, faults)
                notes.push(...faults.note(rows.length))
                return found
              })),
            )
          }
          return examples
        })
        const { train, validation, test, seed } = options
        const source = yield* read(train)
        const shares = { validation: isShare(validation) ? validation : 0, test: isShare(test) ? test : 0 }
        const drawn = splitByHash(source, seed, shares)
        const asked = {
          train: drawn.train,
          validation: isShare(validation) ? drawn.validation : yield* read(validation),
          test: isShare(test) ? drawn.test : yield* read(test),
        }
        const splits = yield* Effect.try({
          try: () => apart(asked, options.overlap, notes),
          catch: (error) => error as DataError,
        })
        const examples = {
          train: splits.train.slice(0, options.maxTrain),
          validation: splits.validation,
          test: splits.test.slice(0, options.maxTest),
        }
        return {
          examples: (split: Split) => examples[split],
          notes,
          ...(options.score === "equal" && {
            score: ({ answer }: Example, generated: string) => textKey(generated) === textKey(answer),
          }),
        }
      }),
  })
