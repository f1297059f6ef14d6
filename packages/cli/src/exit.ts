/**
 * How a failure ends the process: one line on stderr, and an exit code that a script can act on.
 *
 * 0 done; 1 wrong input (usage, unknown name, setting, data that preflight refuses); 2 something needed is missing or
 * damaged (data set, model, artifact, disk); 3 training stopped itself (loss not finite); 4 the tensor engine cannot be
 * opened; 5 a run was repeated and its figures are others; 6 a run came to its end, but some of its stages failed;
 * 70 a bug; 130 interrupted (Ctrl-C).
 */
import { Cause, Data, Effect, Runtime } from "effect"

/** A failure with its code; what there was to say has been said. */
export class Exit extends Data.TaggedError("Exit")<{ readonly message: string; readonly code: number }> {
  override get [Runtime.errorExitCode]() {
    return this.code
  }
  override readonly [Runtime.errorReported] = false
}

/** The engine did not open. */
export class EngineClosed extends Data.TaggedError("EngineClosed")<{ readonly message: string }> {}

/** A run that was made again has other figures. */
export class NotReproduced extends Data.TaggedError("NotReproduced")<{ readonly message: string }> {}

/** A run is finished, and some of its figures are missing. */
export class Incomplete extends Data.TaggedError("Incomplete")<{ readonly message: string }> {}

const codes: Readonly<Record<string, number>> = {
  InvalidInput: 1,
  DataError: 2,
  FileError: 2,
  TrainingStopped: 3,
  EngineClosed: 4,
  NotReproduced: 5,
  Incomplete: 6,
}

/** Says failures in one line and gives them their codes; errors of the command line itself pass as they are. */
export const withExitCodes = <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E | Exit, R> =>
  Effect.catchCause(program, (cause): Effect.Effect<never, E | Exit> => {
    if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause)
    const error = Cause.squash(cause)
    const isFailure = cause.reasons.some(Cause.isFailReason)
    const tag = typeof error === "object" && error !== null && "_tag" in error ? String(error._tag) : ""
    const code = isFailure ? codes[tag] : 70
    if (code === undefined) return Effect.failCause(cause)
    const message = error instanceof Error ? error.message : String(error)
    const text = code === 70 ? `a bug in winnow, please report it:\n${Cause.pretty(cause)}` : message
    process.stderr.write(`error: ${text}\n`)
    return Effect.fail(new Exit({ message, code }))
  })
