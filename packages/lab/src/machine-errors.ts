/** The refusals of a disk or memory, as one kind of error, wherever in a program they were met. */
import { type FileError, machineErrorOf } from "@winnow/files"
import { Cause, Effect } from "effect"

/** Codes of a machine that refuses whatever is asked next: an error in other words is translated. */
const refusals: ReadonlySet<string> = new Set([
  "ENOSPC",
  "EDQUOT",
  "EROFS",
  "EIO",
  "EFBIG",
  "EMFILE",
  "ENFILE",
  "ENOMEM",
])

/**
 * Fails with a `FileError` where the disk or memory refused: thrown in a synchronous piece, or the cause of another error.
 * An error that says in its own words what is missing keeps them.
 *
 * @param path used where the error names none
 */
export const withMachineErrors =
  (path: string) =>
  <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E | FileError, R> =>
    Effect.catchCause(program, (cause): Effect.Effect<never, E | FileError> => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause)
      const machine = machineErrorOf(Cause.squash(cause), path)
      const isOurs = machine?.code !== undefined && (Cause.hasDies(cause) || refusals.has(machine.code))
      return isOurs ? Effect.fail(machine) : Effect.failCause(cause)
    })
