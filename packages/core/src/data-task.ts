/** A task from files of a public data set: each line is a record, and a template makes an example of it. */
import { type Type, type } from "arktype"
import { Effect } from "effect"
import type { DatasetFile } from "./dataset-file.ts"
import { DataError } from "./errors.ts"
import type { Example, Split, TaskInstance } from "./example.ts"
import type { Plugin } from "./plugin.ts"
import { Datasets, defineTask, type TaskUse } from "./task.ts"
import { textKey } from "./text-key.ts"

/** The options of every task from files; a plugin spreads them among its own. */
export const dataOptions = type({
  /** Most examples of the split, from its start; all by default. */
  "maxTrain?": "number.integer >= 1",
  "maxTest?": "number.integer >= 1",
})

/** The sources of a data set's splits. */
export interface DataFiles {
  readonly train: DatasetFile
  /**
   * A file. If the source has no such split: the number of examples at the end of the training file that are held out
   * for it.
   */
  readonly validation: DatasetFile | number
  /** The same; its examples come after those of validation. */
  readonly test: DatasetFile | number
}

/**
 * Defines a task from files of a public data set.
 *
 * The splits share no prompt, even if the files repeat some: the training split leaves out an example whose prompt is
 * in validation or test, and validation leaves out one whose prompt is in test. Case, spaces and punctuation do not
 * count.
 *
 * @param spec.options the schema of its options, `dataOptions` among them
 * @param spec.files the files by split
 * @param spec.record the schema of a line
 * @param spec.example the template; undefined leaves the record out, a text describes a fault of the record
 * @param spec.score true if a generated text solves an example; left out if that takes more than reading the text
 * @error DataError with file and line for a faulty record
 */
export const defineDataTask = <const O extends Type<typeof dataOptions.infer>, const Record extends Type>(spec: {
  readonly name: string
  readonly options: O
  readonly files: (options: O["infer"]) => DataFiles
  readonly record: Record
  readonly example: (record: Record["infer"], options: O["infer"]) => Example | string | undefined
  readonly score?: (options: O["infer"]) => NonNullable<TaskInstance["score"]>
}): Plugin<O, TaskUse<Datasets>> =>
  defineTask({
    name: spec.name,
    options: spec.options,
    make: (options: O["infer"]) =>
      Effect.gen(function* () {
        const datasets = yield* Datasets
        const read = Effect.fnUntraced(function* (file: DatasetFile) {
          const examples: Array<Example> = []
          for (const [i, line] of (yield* datasets.lines(file)).entries()) {
            const record: unknown = spec.record(line)
            const made =
              record instanceof type.errors ? record.summary : spec.example(record as Record["infer"], options)
            if (typeof made === "string")
              return yield* new DataError({ message: `${file.path}, line ${i + 1}: ${made}` })
            if (made !== undefined) examples.push(made)
          }
          return examples
        })
        const { train, validation, test } = spec.files(options)
        const source = yield* read(train)
        const before = (end: number, held: DatasetFile | number) =>
          typeof held === "number" ? Math.max(0, end - held) : end
        const last = before(source.length, test)
        const border = before(last, validation)
        const tested = typeof test === "number" ? source.slice(last) : yield* read(test)
        const validated = typeof validation === "number" ? source.slice(border, last) : yield* read(validation)
        const held = apart(validated, tested)
        const { maxTrain, maxTest } = options as typeof dataOptions.infer
        const splits: { readonly [S in Split]: ReadonlyArray<Example> } = {
          train: apart(source.slice(0, border), [...held, ...tested]).slice(0, maxTrain),
          validation: held,
          test: tested.slice(0, maxTest),
        }
        return {
          examples: (split: Split) => splits[split],
          ...(spec.score && { score: spec.score(options) }),
        }
      }),
  })

/** The examples whose prompt is not in `from`. */
const apart = (examples: ReadonlyArray<Example>, from: ReadonlyArray<Example>): ReadonlyArray<Example> => {
  const taken = new Set(from.map(({ prompt }) => textKey(prompt)))
  return examples.filter(({ prompt }) => !taken.has(textKey(prompt)))
}
