/** A task from tables of a user's own: files whose rows have columns, and templates for prompt and answer. */
import {
  type DataError,
  type Datasets,
  defineTask,
  type Example,
  type Plugin,
  type TaskUse,
  textKey,
} from "@winnow/core"
import { type Type, type } from "arktype"
import { Effect } from "effect"
import { fileOptions, ownSplits, type SplitFiles } from "./own-splits.ts"
import type { Row } from "./row.ts"
import { columnsIn, filled } from "./template.ts"

/** The options of tables. */
export const tableOptions = type({
  "...": fileOptions,
  /** A column's name, or a text with columns in braces. */
  prompt: "string >= 1 = 'prompt'",
  answer: "string >= 1 = 'answer'",
  /** "equal": a generated text solves an example if it equals the answer, apart from case and spaces. */
  score: "'none' | 'equal' = 'none'",
})

type TableOptions = typeof tableOptions.infer

/**
 * Defines a task from tables of one format.
 *
 * @param spec.options the schema of its options, which spreads `tableOptions`
 * @param spec.files the files of a repository whose splits the options name; left out, the options name files
 * @param spec.rows the rows of a file's bytes; `columns` has the columns that the templates read
 */
export const defineTableTask = <const O extends Type>(spec: {
  readonly name: string
  readonly options: O
  readonly files?: (options: O["infer"]) => Effect.Effect<SplitFiles, DataError, Datasets>
  readonly rows: (
    bytes: Uint8Array,
    of: { readonly name: string; readonly columns: ReadonlyArray<string>; readonly options: O["infer"] },
  ) => Promise<ReadonlyArray<Row>>
}): Plugin<O, TaskUse<Datasets>> =>
  defineTask({
    name: spec.name,
    options: spec.options,
    make: (given: O["infer"]) => {
      // The schema spreads tableOptions; TypeScript does not see it for a generic O.
      const options = given as TableOptions
      const { prompt, answer, score } = options
      const columns = [...new Set([...columnsIn(prompt), ...columnsIn(answer)])]
      return ownSplits(options, {
        files: spec.files?.(given),
        rows: (bytes, name) => spec.rows(bytes, { name, columns, options: given }),
        examples: (row, faults) => {
          const [read, written] = [filled(prompt, row.columns), filled(answer, row.columns)]
          if ("problem" in read) faults.add(row.at, read.problem, "without a text for the prompt")
          else if ("problem" in written) faults.add(row.at, written.problem, "without a text for the answer")
          else if (read.text.trim() === "") faults.add(row.at, "its prompt is empty", "with an empty prompt")
          else if (written.text.trim() === "") faults.add(row.at, "its answer is empty", "with an empty answer")
          else return [{ prompt: read.text, answer: written.text }]
          return []
        },
      }).pipe(
        Effect.map((splits) => ({
          ...splits,
          ...(score === "equal" && {
            score: ({ answer }: Example, generated: string) => textKey(generated) === textKey(answer),
          }),
        })),
      )
    },
  })
