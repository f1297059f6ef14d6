/** Judges whether a program ended cleanly, by the code that gives commands their exit codes. */
import { exitOf } from "@winnow/cli"
import { Cause, Effect, Exit } from "effect"
import type { Tried } from "./kind.ts"

/** Longest message that still helps a reader, in characters. */
export const longest = 3000

/** The fault in a message; undefined for a good one. */
export const messageProblem = (text: string): string | undefined => {
  if (text.length > longest) return `a message of ${text.length} characters: ${text.slice(0, 300)}`
  if (/\n\s+at .*[:(]\d+/.test(text)) return `a stack in a message: ${text.slice(0, 600)}`
  if (/(undefined|null) is not an? |is not a function|Cannot read|\[object Object\]/.test(text))
    return `an unhandled error as the message: ${text.slice(0, 400)}`
  return text.trim() === "" ? "an empty message" : undefined
}

/** How a program ended. */
export type Ended<A> =
  | { readonly _tag: "done"; readonly value: A }
  | { readonly _tag: "refused"; readonly message: string }
  | { readonly _tag: "wrong"; readonly why: string }

/** Runs a program of the lab to its end, as a command does. */
export const ended = async <A, E>(program: Effect.Effect<A, E>): Promise<Ended<A>> => {
  const exit = await Effect.runPromiseExit(program)
  if (Exit.isSuccess(exit)) return { _tag: "done", value: exit.value }
  const failure = exitOf(exit.cause)
  if (failure === undefined || failure.code === 70)
    return { _tag: "wrong", why: Cause.pretty(exit.cause).slice(0, 1500) }
  const problem = messageProblem(failure.text)
  return problem === undefined ? { _tag: "refused", message: failure.text } : { _tag: "wrong", why: problem }
}

/** The outcome of a trial that ended in a refusal or in something worse. */
export const triedBy = (damage: string, end: Exclude<Ended<unknown>, { _tag: "done" }>): Tried =>
  end._tag === "refused"
    ? { outcome: "refused", damage, detail: end.message }
    : { outcome: "wrong", damage, detail: end.why }
