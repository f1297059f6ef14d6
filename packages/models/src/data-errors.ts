/** Errors of files in the form of the models package. */
import { DataError, InvalidInput } from "@winnow/core"
import { FileError, fileErrorOf } from "@winnow/files"
import { Effect } from "effect"

/** Runs code that reads or writes files. @error DataError in place of FileError and errors of the operating system */
export const withDataErrors = <A>(run: () => A): A => {
  try {
    return run()
  } catch (error) {
    const fileError = fileErrorOf(error)
    throw fileError === undefined ? error : new DataError({ message: fileError.message, cause: fileError })
  }
}

/** Runs code as an Effect: the errors of models and files are its failures, others its defects. */
export const attempt = <A>(run: () => A): Effect.Effect<A, DataError | InvalidInput> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(run())
    } catch (error) {
      if (error instanceof DataError || error instanceof InvalidInput) return Effect.fail(error)
      if (error instanceof FileError) return Effect.fail(new DataError({ message: error.message, cause: error }))
      throw error
    }
  })
