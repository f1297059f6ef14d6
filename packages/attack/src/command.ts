/** Runs a command of `winnow` in this process and returns its output and its end. */
import { consoleOver, platform, winnow } from "@winnow/cli"
import { Cause, Console, Effect, Exit } from "effect"
import { Command } from "effect/cli"
import { type Ended, ended, messageProblem } from "./judge.ts"

/** The text that a command printed on stdout. */
export type Printed = Ended<string>

/** Runs a command. A usage error counts as a refusal, and its text is judged as well. */
export const runCommand = async (...args: ReadonlyArray<string>): Promise<Printed> => {
  const [out, err]: [Array<string>, Array<string>] = [[], []]
  const program = Command.runWith(winnow, { version: "attack" })(args).pipe(
    Effect.provideService(
      Console.Console,
      consoleOver(
        (text) => out.push(text),
        (text) => err.push(text),
      ),
    ),
    Effect.provide(platform),
    Effect.scoped,
  )
  const exit = await Effect.runPromiseExit(program)
  if (Exit.isFailure(exit)) {
    const error = Cause.squash(exit.cause)
    const tag = typeof error === "object" && error !== null && "_tag" in error ? String(error._tag) : ""
    const isUsage = ["ShowHelp", "UnrecognizedOption", "InvalidValue", "MissingOption", "UserError"].includes(tag)
    if (isUsage) {
      const problem = messageProblem(err.join("\n") || "usage")
      return problem === undefined ? { _tag: "refused", message: err.join("\n") } : { _tag: "wrong", why: problem }
    }
  }
  const end = await ended(exit)
  return end._tag === "done" ? { _tag: "done", value: out.join("\n") } : end
}
