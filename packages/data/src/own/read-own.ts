/** A file of a user's own, read, unpacked and parsed; every error is of the file. */
import { readFile, stat } from "node:fs/promises"
import { DataError } from "@winnow/core"
import { Effect } from "effect"
import { unpack, unpackedName } from "../unpack.ts"
import { Faults, type Faulty } from "./faults.ts"

/**
 * Reads a file.
 *
 * @param path as the user wrote it: how messages name the file
 * @param place where it lies
 * @param parse makes what is read of the unpacked bytes and the name without .gz or .zst
 * @param use takes it, with a place for faulty records
 * @error DataError for what is no file, is damaged, is empty, or has a faulty record
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
