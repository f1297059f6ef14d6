/** A task from texts of a user's own: pieces of a folder's files, whose beginning is the prompt. */
import { readdir, stat } from "node:fs/promises"
import { join, relative } from "node:path"
import { DataError, Datasets, defineTask, type Example, type Split } from "@winnow/core"
import { type } from "arktype"
import { Effect } from "effect"
import { unpackedName } from "../unpack.ts"
import { utf8Text } from "../utf8-lines.ts"
import { leavesTraining, ownOptions } from "./own-splits.ts"
import { pieces } from "./pieces.ts"
import { readOwn } from "./read-own.ts"
import { apart, splitByHash } from "./splits.ts"

const options = type({
  "...": ownOptions,
  "+": "reject",
  /** A folder, read with the folders in it; or one file. */
  folder: "string >= 1",
  /** Endings of the files that the task reads, also before .gz and .zst. */
  endings: type("string >= 1")
    .array()
    .atLeastLength(1)
    .default(() => [".txt", ".md"]),
  validation: "0 <= number < 1 = 0.05",
  test: "0 <= number < 1 = 0.1",
  /** The largest number of characters of a piece, and of its beginning, which models read without training on it. */
  characters: "number.integer >= 32 = 1200",
  prompt: "number.integer >= 1 = 200",
})
  .narrow(leavesTraining)
  .narrow(
    ({ characters, prompt }, ctx) =>
      prompt < characters || ctx.reject({ path: ["prompt"], expected: `less than characters (${characters})` }),
  )

/** The least number of files for a split by files. With fewer files the pieces are split, as a split might have one file. */
const few = 20

/** The files of a folder and of its subfolders, in the same order on every machine. */
const filesIn = async (place: string, endings: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
  if ((await stat(place)).isFile()) return [place]
  const entries = await readdir(place, { recursive: true, withFileTypes: true })
  return entries
    .filter(({ name }) => endings.some((ending) => unpackedName(name).endsWith(ending)))
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort()
}

interface Piece extends Example {
  readonly file: string
}

/**
 * Examples from texts: `text({ folder: "my-texts" })`. The task cuts each file into pieces at ends of paragraphs, lines or
 * words. With 20 files or more, a hash of the file's name chooses the split of its pieces. With fewer files, a hash of each
 * piece's beginning chooses it.
 */
export const text = defineTask({
  name: "text",
  options,
  make: ({ folder, endings, characters, prompt, seed, faulty, validation, test, maxTrain, maxTest }) =>
    Effect.gen(function* () {
      const { own } = yield* Datasets
      const place = yield* own(folder)
      const files = yield* Effect.tryPromise({
        try: () => filesIn(place, endings),
        catch: (cause) => new DataError({ message: `${folder} could not be read: ${String(cause)}`, cause }),
      })
      if (files.length === 0)
        return yield* new DataError({ message: `${folder} holds no file that ends with ${endings.join(" or ")}` })
      const all: Array<Piece> = []
      const notes: Array<string> = []
      for (const file of files) {
        const name = relative(place, file) || folder
        const parse = async (bytes: Uint8Array) => pieces(utf8Text(bytes), { characters, prompt })
        const read = readOwn(name === folder ? folder : `${folder}/${name}`, file, faulty, parse, (found) => found)
        const skipped = ({ message }: DataError) => {
          notes.push(`left out: ${message}`)
          return Effect.succeed([])
        }
        const found = yield* faulty === "skip" ? Effect.catch(read, skipped) : read
        for (const piece of found) all.push({ ...piece, file: name })
      }
      if (all.length === 0)
        return yield* new DataError({
          message: `the files of ${folder} give no piece of text: ${notes.join("; ") || "they are too short"}`,
        })
      const byFile = files.length >= few
      notes.push(
        `${all.length} pieces of ${files.length} files, split by ${byFile ? "file" : `piece, as there are fewer than ${few} files`}`,
      )
      const drawn = splitByHash(all, seed, { validation, test }, byFile ? ({ file }) => file : undefined)
      const splits = apart(drawn, "drop", notes)
      const read = (pieces: ReadonlyArray<Example>) => pieces.map(({ prompt, answer }): Example => ({ prompt, answer }))
      const examples = {
        train: read(splits.train.slice(0, maxTrain)),
        validation: read(splits.validation),
        test: read(splits.test.slice(0, maxTest)),
      }
      return { examples: (split: Split) => examples[split], notes }
    }),
})
