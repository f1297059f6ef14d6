/** Reads, unpacks and parses a file of a user's own; every error names the file. */
import { readFile, stat } from "node:fs/promises"
import { DataError } from "@winnow/core"
import { Effect } from "effect"
import { unpack, unpackedName } from "../unpack.ts"
import { Faults, type Faulty } from "./faults.ts"

/**
 * Reads a file.
 *
 * @param path as the user wrote it: how messages name the file
 * @param place the file's path on the disk
 * @param parse parses the unpacked bytes; it also gets the name without .gz or .zst
 * @param use takes the result, with a list for faulty records
 * @error DataError for a path that is no file, and for a file that is damaged, is empty, or has a faulty record
 */
export const readOwn = <A, B>(
  path: string,
  place: string,
  faulty: Faulty,
  parse: (bytes: Uint8Array, name: string) => Promise<A>,
  use: (parsed: A, faults: Faults) => B,
): Effect.Effect<B, DataError> =>
  Effect.tryPromise({
    try: async () => {
      const stats = await stat(place)
      if (!stats.isFile())
        throw new Error(`expected a file, found ${stats.isDirectory() ? "a folder" : "another kind"}`)
      const bytes = await unpack(place, await readFile(place))
      if (bytes.length === 0) throw new Error("the file is empty")
      return use(await parse(bytes, unpackedName(place)), new Faults(path, faulty))
    },
    catch: (cause) =>
      cause instanceof DataError
        ? cause
        : new DataError({ message: `${path}: ${cause instanceof Error ? cause.message : String(cause)}`, cause }),
  })
