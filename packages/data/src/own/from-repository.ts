/** Splits from a data set's repository: a folder, or `hf:datasets/owner/name`. */
import { readFile } from "node:fs/promises"
import { DataError, Datasets, InvalidInput } from "@winnow/core"
import { isDatasetReference, isHubReference, parseReference } from "@winnow/hub"
import { type Traversal, type } from "arktype"
import { Effect } from "effect"
import { csvRows } from "./csv.ts"
import { jsonFileRows } from "./jsonl.ts"
import { type Layout, layoutOf } from "./layout.ts"
import type { SplitFiles } from "./own-splits.ts"
import { parquetRows } from "./parquet.ts"
import type { Row } from "./row.ts"

/** The options that name a repository. */
export const repositoryOptions = type({
  /** A folder, or `hf:datasets/owner/name[@revision]`: `train`, `validation` and `test` then name its splits. */
  from: "string >= 1",
  /** A config of its README.md, or a folder in it; needed if there are several. */
  "subset?": "string >= 1",
})

/** A check of options: `from` is a path, or a reference to a data set. */
export const namesRepository = ({ from }: { readonly from?: string }, ctx: Traversal): boolean => {
  if (from === undefined || !isHubReference(from)) return true
  const expected = "hf:datasets/owner/name, or hf:datasets/owner/name@revision"
  if (!isDatasetReference(from)) return ctx.reject({ path: ["from"], expected })
  try {
    parseReference(from)
    return true
  } catch (error) {
    if (error instanceof InvalidInput) return ctx.reject({ path: ["from"], expected })
    throw error
  }
}

/** The rows of a file by the ending of its name, without .gz or .zst. */
export const rowsByEnding = async (
  bytes: Uint8Array,
  name: string,
  columns: ReadonlyArray<string>,
): Promise<ReadonlyArray<Row>> => {
  const ending = /\.\w+$/.exec(name)?.[0].toLowerCase()
  if (ending === ".parquet") return parquetRows(bytes, columns)
  if (ending === ".csv" || ending === ".tsv") return csvRows(bytes, ending === ".tsv" ? "\t" : ",")
  return jsonFileRows(bytes)
}

const held = ["validation", "test"] as const

/** The layout, and the files of one split. @error DataError (thrown) that lists the splits */
const filesOf = (name: string, { splits }: Layout, split: string): ReadonlyArray<string> => {
  const files = splits.get(split)
  if (files !== undefined) return files
  const there = [...splits].map(
    ([split, files]) => `${split} (${files.length} ${files.length === 1 ? "file" : "files"})`,
  )
  throw new DataError({ message: `${name} has no split ${split}; it has ${there.join(", ")}` })
}

/**
 * The files of splits. `train` names splits; `validation` and `test` name splits, or are a share of the training split
 * where the repository has no split of that name; 0 is none at all.
 *
 * @error DataError for a repository without such a split or subset: lists those that it has
 */
export const fromRepository = (
  given: typeof repositoryOptions.infer & SplitFiles["options"],
): Effect.Effect<SplitFiles, DataError, Datasets> =>
  Effect.gen(function* () {
    const { from, subset, train } = given
    const { name, files, locate } = yield* (yield* Datasets).repository(from)
    const readme = files.includes("README.md") ? yield* locate("README.md") : undefined
    const failed = (cause: unknown) =>
      cause instanceof DataError
        ? cause
        : new DataError({ message: `${name}: ${cause instanceof Error ? cause.message : String(cause)}`, cause })
    const layout = yield* Effect.tryPromise({
      try: async () => layoutOf(files, readme === undefined ? "" : await readFile(readme, "utf8"), subset),
      catch: failed,
    })
    const told: Array<string> = []
    const inRepository = new Map<string, string>()
    const paths = (splits: string | ReadonlyArray<string>, as: string) => {
      const found = [splits].flat().flatMap((split) => filesOf(name, layout, split))
      told.push(`${as} from ${found.length === 1 ? found[0] : `${found.length} files`}`)
      return found.map((file) => {
        inRepository.set(`${name}/${file}`, file)
        return `${name}/${file}`
      })
    }
    const options = yield* Effect.try({
      try: () => ({
        train: paths(train, "train"),
        ...Object.fromEntries(
          held.map((split) => {
            const one = given[split]
            if (typeof one !== "number") return [split, paths(one, split)]
            if (one !== 0 && layout.splits.has(split)) return [split, paths(split, split)]
            told.push(one === 0 ? `no ${split}` : `${split} drawn from train`)
            return [split, one]
          }),
        ),
      }),
      catch: failed,
    })
    const of = layout.subset === undefined ? "" : `, subset ${layout.subset}`
    const under = layout.licence === undefined ? "its README.md states no licence" : `licence ${layout.licence}`
    return {
      options: options as SplitFiles["options"],
      locate: (path) => locate(inRepository.get(path)!),
      note: `${name}${of}: ${told.join(", ")}; ${under}`,
    }
  })
