/** A folder that appears whole or not at all. */
import { mkdirSync, readdirSync, rmSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { DataError } from "@winnow/core"
import { FileError, fileErrorOf, placeFolder, syncFile, syncPath } from "@winnow/files"
import { Effect } from "effect"

const dataError = (error: unknown): DataError => {
  const known = error instanceof FileError ? error : fileErrorOf(error)
  return new DataError({ message: known?.message ?? String(error), cause: error })
}

/** Work on files. @error DataError with the message of the system */
export const io = <A>(run: () => A): Effect.Effect<A, DataError> => Effect.try({ try: run, catch: dataError })

/**
 * Fills a hidden folder beside the final place, flushes it to the disk, and moves it there by one rename. A failure or an
 * interruption leaves no folder; a killed process leaves the hidden one.
 *
 * @param to the final place, which must be free
 * @error DataError if the disk refuses; any error of `fill`
 */
export const wholeFolder = <A, E, R>(
  to: string,
  fill: (folder: string) => Effect.Effect<A, E, R>,
): Effect.Effect<A, E | DataError, R> => {
  const partial = join(dirname(to), `.${basename(to)}.partial-${process.pid}`)
  return Effect.gen(function* () {
    yield* io(() => mkdirSync(partial, { recursive: true }))
    const result = yield* fill(partial)
    yield* Effect.tryPromise({
      try: () => Promise.all(readdirSync(partial).map((name) => syncFile(join(partial, name)))),
      catch: dataError,
    })
    yield* io(() => {
      syncPath(partial)
      placeFolder(partial, to)
    })
    return result
  }).pipe(Effect.ensuring(Effect.sync(() => rmSync(partial, { recursive: true, force: true }))))
}
