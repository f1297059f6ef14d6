/** The options of `bun run bench`. */
import { comparisons } from "./comparisons.ts"
import type { Sampling } from "./measure.ts"
import { flag, optionLines, readOptions, UsageError } from "./options.ts"

/** The requested suites in their order, or all of them. */
export interface Request {
  readonly suites: ReadonlyArray<string>
  readonly sampling: Sampling
  readonly list: boolean
  readonly json: boolean
  readonly help: boolean
}

/** Other names of suites: `bench tokenize` beside `bench load`. */
const aliases: Readonly<Record<string, string>> = { tokenize: "tokenizing" }

const options = {
  quick: flag("a few samples of each bench: shows that it runs, gives no valid times"),
  json: flag("one JSON document on stdout and nothing else"),
  list: flag("the suites and their benches, measuring nothing"),
  help: flag("this text", "h"),
} as const

export const usage = (names: ReadonlyArray<string>): string => `bun run bench [SUITE...] [options]

  SUITE             ${names.join(", ")}; all of them if none is named
${optionLines(options)}
bun run bench ${Object.keys(comparisons).join("|")} [options]

${Object.entries(comparisons)
  .map(([name, { about }]) => `  ${name.padEnd(17)} ${about}`)
  .join("\n")}

Each has its own --help.
`

/**
 * Reads the arguments after `bun run bench`.
 *
 * @param names the names of all suites
 * @error UsageError for an unknown suite or option
 */
export const parseRequest = (args: ReadonlyArray<string>, names: ReadonlyArray<string>): Request => {
  const { values, positionals: suiteNames } = readOptions("", args, options, true)
  const positionals = suiteNames.map((name) => aliases[name] ?? name)
  const unknown = positionals.filter((name) => !names.includes(name))
  const ofPeers = Object.keys(comparisons)
  const comparison = ofPeers.find((name) => unknown.includes(name))
  if (comparison !== undefined)
    throw new UsageError(
      `${comparison} is no suite: it is run alone and first, as in \`bun run bench ${comparison} --peer PYTHON\``,
    )
  if (unknown.length > 0)
    throw new UsageError(
      `there is no suite ${unknown.join(", ")}; there are ${names.join(", ")}, and the comparisons ${ofPeers.map((name) => `\`bun run bench ${name}\``).join(", ")}`,
      { name: unknown[0]!, names: [...names, ...ofPeers] },
    )
  return {
    suites: positionals.length === 0 ? names : [...new Set(positionals)],
    sampling: values.quick ? "quick" : "full",
    list: values.list,
    json: values.json,
    help: values.help,
  }
}
