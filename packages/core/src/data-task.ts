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

/**
 * The source of validation or test: a file, or, if the source has no such split, some examples of the training file. A
 * number takes so many from its end; a function chooses records by their number in the file, from 0, and their content.
 */
export type HeldOut = DatasetFile | number | ((line: number, record: unknown) => boolean)

/** The sources of a data set's splits. */
export interface DataFiles {
  readonly train: DatasetFile
  /** Chooses among the examples that test leaves. */
  readonly validation: HeldOut
  readonly test: HeldOut
}

/**
 * Defines a task from files of a public data set.
 *
 * The splits share no prompt, even if the files repeat some: the training split leaves out an example whose prompt is
 * in validation or test, and validation leaves out one whose prompt is in test. Case, spaces and punctuation do not
 * count. Notes tell how many were left out, of records too.
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
        const notes: Array<string> = []
        const read = Effect.fnUntraced(function* (file: DatasetFile) {
          const examples: Array<Placed> = []
          const records = yield* datasets.lines(file)
          for (const [line, record] of records.entries()) {
            const valid: unknown = spec.record(record)
            const made = valid instanceof type.errors ? valid.summary : spec.example(valid as Record["infer"], options)
            if (typeof made === "string")
              return yield* new DataError({ message: `${file.path}, line ${line + 1}: ${made}` })
            if (made !== undefined) examples.push({ line, record, ...made })
          }
          const left = records.length - examples.length
          if (left > 0)
            notes.push(`${left} of ${records.length} records of ${file.path} are left out: no example is made of them`)
          return examples
        })
        const { train, validation, test } = spec.files(options)
        const source = yield* read(train)
        const [tested, untested] = isFile(test) ? [yield* read(test), source] : heldOut(source, test)
        const [validated, left] = isFile(validation)
          ? [yield* read(validation), untested]
          : heldOut(untested, validation)
        const held = apart(validated, tested)
        const trained = apart(left, [...held, ...tested])
        for (const { split, later, all, kept } of [
          { split: "train", later: "validation or test has", all: left, kept: trained },
          { split: "validation", later: "test has", all: validated, kept: held },
        ]) {
          const shared = all.length - kept.length
          if (shared > 0)
            notes.push(`${shared} of ${all.length} examples of ${split} are left out, as ${later} their prompt`)
        }
        const { maxTrain, maxTest } = options as typeof dataOptions.infer
        const splits: { readonly [S in Split]: ReadonlyArray<Example> } = {
          train: trained.slice(0, maxTrain).map(bare),
          validation: held.map(bare),
          test: tested.slice(0, maxTest).map(bare),
        }
        return {
          examples: (split: Split) => splits[split],
          notes,
          ...(spec.score && { score: spec.score(options) }),
        }
      }),
  })

/** An example with its record, and the record's number in the file. */
interface Placed extends Example {
  readonly line: number
  readonly record: unknown
}

const bare = ({ prompt, answer }: Placed): Example => ({ prompt, answer })

const isFile = (held: HeldOut): held is DatasetFile => typeof held === "object"

/** The examples that are held out, and the others. */
const heldOut = (
  from: ReadonlyArray<Placed>,
  held: Exclude<HeldOut, DatasetFile>,
): readonly [ReadonlyArray<Placed>, ReadonlyArray<Placed>] => {
  const border = typeof held === "number" ? Math.max(0, from.length - held) : 0
  const isHeld = (example: Placed, i: number) =>
    typeof held === "number" ? i >= border : held(example.line, example.record)
  return [from.filter(isHeld), from.filter((example, i) => !isHeld(example, i))]
}

/** The examples whose prompt is not in `from`. */
const apart = (examples: ReadonlyArray<Placed>, from: ReadonlyArray<Placed>): ReadonlyArray<Placed> => {
  const taken = new Set(from.map(({ prompt }) => textKey(prompt)))
  return examples.filter(({ prompt }) => !taken.has(textKey(prompt)))
}
