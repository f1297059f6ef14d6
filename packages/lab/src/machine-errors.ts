/** Translates errors of a full disk or exhausted memory, anywhere in a program, to one kind of error. */
import { type FileError, machineErrorOf } from "@winnow/files"
import { Cause, Effect } from "effect"

/** Error codes after which the machine will refuse the next request as well. */
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
 * Fails with a `FileError` where the disk or memory refused: thrown in a synchronous piece, or the cause of another
 * error. An error that already names the missing resource keeps its message.
 *
 * @param path used if the error names none
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
