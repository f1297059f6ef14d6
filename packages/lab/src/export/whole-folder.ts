/** A folder that is made whole or not at all. */
import { mkdirSync, readdirSync, rmSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { DataError } from "@winnow/core"
import { FileError, fileErrorOf, placeFolder, syncFile, syncPath } from "@winnow/files"
import { Effect } from "effect"

const dataError = (error: unknown): DataError => {
  const known = error instanceof FileError ? error : fileErrorOf(error)
  return new DataError({ message: known?.message ?? String(error), cause: error })
}

/** Work on files. @error DataError with what the disk says */
export const io = <A>(run: () => A): Effect.Effect<A, DataError> => Effect.try({ try: run, catch: dataError })

/**
 * Fills a folder beside the place that it is for, and puts it there by one rename once it is on the disk. A failure or an
 * interruption leaves nothing; a killed process leaves a hidden folder beside the place.
 *
 * @param to nothing is there
 * @error DataError if the disk refuses; what `fill` fails with
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
