/** Errors of the command line itself, a line each with its code: unknown names, missing arguments, values of a wrong form. */
import { didYouMean } from "@winnow/core"
import { Console } from "effect"
import { type CliError, CliOutput } from "effect/cli"
import { usageCode, valueCode, withCode } from "./error-codes.ts"
import { shownMessage } from "./exit.ts"

const near = (suggestions: ReadonlyArray<string>): string =>
  suggestions.length === 0 ? "" : `; did you mean ${suggestions.join(" or ")}?`

/** The near one of the words that a value may be. */
const meant = (value: unknown, words: ReadonlyArray<string>) =>
  typeof value === "string" ? didYouMean(value, words) : ""

/** The fault of a command line, and its code. */
const faultOf = (error: CliError.NonShowHelpErrors): readonly [text: string, code: string] => {
  switch (error._tag) {
    case "UnrecognizedOption":
      return [`there is no flag ${error.option}${near(error.suggestions)}`, usageCode]
    case "UnknownSubcommand":
      return [`there is no command ${error.subcommand}${near(error.suggestions)}`, usageCode]
    case "MissingOption":
      return [`the flag --${error.option} is missing`, usageCode]
    case "MissingArgument":
      return [`the argument ${error.argument} is missing`, usageCode]
    case "UnexpectedArgument":
      return [`found ${error.arguments.join(" ")}, expected no further argument`, usageCode]
    case "InvalidValue": {
      const name = error.kind === "flag" ? `--${error.option}` : error.option
      const expected = error.expected.replace(/^Expected:? /, "")
      const words = [...expected.matchAll(/"([^"]+)"/g)].map(([, word]) => word!)
      return [
        `${name}: found ${JSON.stringify(error.value)}, expected ${expected}${meant(error.value, words)}`,
        valueCode,
      ]
    }
    default:
      return [error.message.replaceAll(/\s*\n\s*/g, "; "), usageCode]
  }
}

/** The lines of an invalid command line: each fault once, then where the help is. */
export const usageText = (commandPath: ReadonlyArray<string>, errors: ReadonlyArray<CliError.NonShowHelpErrors>) => {
  const command = commandPath.join(" ")
  const lines = errors.map((error) => {
    const [text, code] = faultOf(error)
    return withCode(`error: ${command}: ${shownMessage(text)}`, code)
  })
  return [...new Set(lines), `\`bun run ${command} --help\` lists what there is`].join("\n")
}

/** Prints help and version as they are, and faults of the command line to stderr without the whole help. */
export const usagePresenter: CliOutput.Presenter = {
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Console.error(usageText(event.commandPath, event.errors))
      : CliOutput.defaultPresenter.present(event),
}
