/**
 * Translates failures to one line on stderr, with the code of its section in docs/errors.md, and an exit code for scripts.
 *
 * 0 done; 1 wrong input (usage, unknown name, setting, data that preflight refuses); 2 a needed thing is missing or
 * damaged (data set, model, artifact, disk); 3 training stopped itself (loss not finite), or lost a process that took part; 4 the tensor engine cannot be
 * opened; 5 the figures of a repeated run differ; 6 a run is finished, but some of its stages failed; 70 a bug; 130
 * interrupted (Ctrl-C); 141 the reader of stdout has closed it, as `head` does.
 */
import { faultIn } from "@winnow/core"
import { isClosedReader, machineErrorOf } from "@winnow/files"
import { Cause, Data, Effect, Runtime } from "effect"
import { bugCode, errorCodeOf, faultCode, machineCode, withCode } from "./error-codes.ts"

/** A failure with its code, whose message was already printed. */
export class Exit extends Data.TaggedError("Exit")<{ readonly message: string; readonly code: number }> {
  override get [Runtime.errorExitCode]() {
    return this.code
  }
  override readonly [Runtime.errorReported] = false
}

/** The engine did not open. */
export class EngineClosed extends Data.TaggedError("EngineClosed")<{ readonly message: string }> {}

/** A repeated run has different figures. */
export class NotReproduced extends Data.TaggedError("NotReproduced")<{ readonly message: string }> {}

/** A run is finished, and some of its figures are missing. */
export class Incomplete extends Data.TaggedError("Incomplete")<{ readonly message: string }> {}

/** Most characters of a message: a message with a whole file helps nobody. */
const most = 2000

/** The beginning of a long text, and the number of omitted characters. */
export const cut = (text: string): string =>
  text.length > most ? `${text.slice(0, most)}... (${text.length - most} characters more)` : text

/**
 * A message that is safe for a terminal: without control characters from a file's name or content, and of limited
 * length.
 */
export const shownMessage = (message: string): string => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these characters are replaced
  return cut(message).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "\ufffd")
}

/** The exit of a failed process. */
export interface ExitOf {
  readonly code: number
  /** The text for stderr. */
  readonly text: string
  /** The section of docs/errors.md. */
  readonly errorCode: string
}

/** A failure's code and text; undefined for an error of the command line itself, which `usage.ts` prints. */
export const exitOf = <E>(cause: Cause.Cause<E>): ExitOf | undefined => {
  const error = Cause.squash(cause)
  const known = cause.reasons.some(Cause.isFailReason) ? errorCodeOf(error) : undefined
  const text = error instanceof Error ? error.message : String(error)
  if (known !== undefined) return { code: known.exit, text: shownMessage(text), errorCode: known.code }
  // A refusal of the disk or of memory is the machine's, wherever it was thrown.
  const machine = machineErrorOf(error)
  if (machine !== undefined)
    return { code: isClosedReader(machine) ? 141 : 2, text: shownMessage(machine.message), errorCode: machineCode }
  if (!Cause.hasDies(cause)) return undefined
  // Code outside of Winnow threw it: a plugin, a task or an experiment's file is at fault.
  const fault = faultIn(error)
  if (fault !== undefined) return { code: 1, text: shownMessage(fault.message), errorCode: faultCode }
  const bug = `a bug in winnow, please report it:\n${shownMessage(Cause.pretty(cause))}`
  return { code: 70, text: bug, errorCode: bugCode }
}

/** Reports failures in one line and gives them their codes; errors of the command line itself pass unchanged. */
export const withExitCodes = <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E | Exit, R> =>
  Effect.catchCause(program, (cause): Effect.Effect<never, E | Exit> => {
    if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause)
    const failure = exitOf(cause)
    if (failure === undefined) return Effect.failCause(cause)
    const { code, text, errorCode } = failure
    // The reader of stdout has closed it because it needs no more.
    if (code !== 141) process.stderr.write(`error: ${withCode(text, errorCode)}\n`)
    return Effect.fail(new Exit({ message: text, code }))
  })
