/** Errors of files as the models package tells them. */
import { DataError } from "@winnow/core"
import { fileErrorOf } from "@winnow/files"

/** Runs something that reads or writes files. @error DataError in place of the operating system's and FileError */
export const withDataErrors = <A>(run: () => A): A => {
  try {
    return run()
  } catch (error) {
    const known = fileErrorOf(error)
    throw known === undefined ? error : new DataError({ message: known.message, cause: known })
  }
}
