/** Reads the splits of a user's own files, draws the missing ones, removes prompts that splits share, and cuts splits. */
import { type DataError, Datasets, type Example, type Split } from "@winnow/core"
import { type Traversal, type } from "arktype"
import { Effect } from "effect"
import type { Faults } from "./faults.ts"
import { readOwn } from "./read-own.ts"
import type { Row } from "./row.ts"
import { apart, splitByHash } from "./splits.ts"

const files = type("string >= 1").or(type("string >= 1").array().atLeastLength(1))
const share = type("0 <= number < 1")

/** The options that own data of every form has. */
export const ownOptions = type({
  /** Seed of the hash that draws splits. */
  seed: "number.integer = 0",
  /** A record without a text, of another type, empty or broken: an error with its place, or left out and counted. */
  faulty: "'refuse' | 'skip' = 'refuse'",
  "maxTrain?": "number.integer >= 1",
  "maxTest?": "number.integer >= 1",
})

/** The options of data in files of records. */
export const fileOptions = type({
  "...": ownOptions,
  /** Paths: one or several files, read as one. */
  train: files,
  /** Paths, or the share of the training files that a hash of the prompt holds out. */
  validation: files.or(share).default(0.05),
  test: files.or(share).default(0.1),
  /** Training examples whose prompt is in a held-out split: an error, or left out and counted. */
  overlap: "'refuse' | 'drop' = 'refuse'",
})

/** A check of options: the held-out shares leave examples for training. */
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

/** Files of splits that lie in a data set's repository. */
export interface SplitFiles {
  readonly options: Pick<typeof fileOptions.infer, "train" | "validation" | "test">
  /** The place on this machine of a file among these options, downloaded if necessary. */
  readonly locate: (path: string) => Effect.Effect<string, DataError>
  /** Describes the splits, their files, and the licence that the repository states. */
  readonly note: string
}

/** Splits, and notes on the records that they leave out. */
export interface OwnSplits {
  readonly examples: (split: Split) => ReadonlyArray<Example>
  readonly notes: ReadonlyArray<string>
}

/**
 * Reads the splits.
 *
 * @param how.files in place of the paths among the options
 * @param how.rows the rows of a file's bytes
 * @param how.examples the examples of a row; it notes a row without an example as a fault
 * @param how.keyOf the text of an example whose hash draws its split; the prompt if left out
 * @error DataError with the file and place of a fault, unless such records are skipped
 */
export const ownSplits = <E extends Example>(
  options: typeof fileOptions.infer,
  how: {
    readonly files?: Effect.Effect<SplitFiles, DataError, Datasets> | undefined
    readonly rows: (bytes: Uint8Array, name: string) => Promise<ReadonlyArray<Row>>
    readonly examples: (row: Exclude<Row, { readonly problem: string }>, faults: Faults) => ReadonlyArray<E>
    readonly keyOf?: (example: E) => string
  },
): Effect.Effect<OwnSplits, DataError, Datasets> =>
  Effect.gen(function* () {
    const files: Omit<SplitFiles, "note"> & Partial<SplitFiles> = how.files
      ? yield* how.files
      : { options, locate: (yield* Datasets).own }
    const notes: Array<string> = files.note === undefined ? [] : [files.note]
    const used = (rows: ReadonlyArray<Row>, faults: Faults): ReadonlyArray<E> => {
      if (rows.length === 0) throw new Error("the file has no records")
      const examples: Array<E> = []
      for (const row of rows)
        if ("problem" in row) faults.add(row.at, row.problem, "broken")
        else examples.push(...how.examples(row, faults))
      notes.push(...faults.note(rows.length))
      return examples
    }
    const read = Effect.fnUntraced(function* (paths: string | ReadonlyArray<string>) {
      const examples: Array<E> = []
      for (const path of typeof paths === "string" ? [paths] : paths)
        for (const example of yield* readOwn(path, yield* files.locate(path), options.faulty, how.rows, used))
          examples.push(example)
      return examples
    })
    const { seed, overlap } = options
    const { train, validation, test } = files.options
    const source = yield* read(train)
    const shares = { validation: isShare(validation) ? validation : 0, test: isShare(test) ? test : 0 }
    const drawn = splitByHash(source, seed, shares, how.keyOf)
    const asked = {
      train: drawn.train,
      validation: isShare(validation) ? drawn.validation : yield* read(validation),
      test: isShare(test) ? drawn.test : yield* read(test),
    }
    // Splits drawn by a hash of the prompt share none.
    const areDrawn = isShare(validation) && isShare(test) && how.keyOf === undefined
    const splits = areDrawn
      ? asked
      : yield* Effect.try({
          try: () => apart(asked, overlap, notes),
          catch: (error) => error as DataError,
        })
    const bare = (examples: ReadonlyArray<Example>) =>
      examples.map(({ prompt, answer }): Example => ({ prompt, answer }))
    const cut = {
      train: bare(splits.train.slice(0, options.maxTrain)),
      validation: bare(splits.validation),
      test: bare(splits.test.slice(0, options.maxTest)),
    }
    return { examples: (split) => cut[split], notes }
  })
