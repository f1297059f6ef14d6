/** The header of every comparison: date, machine and command of the measurement. */
import { isBusy } from "@winnow/engine"
import { type Host, hostOf } from "../machine.ts"
import type { CommonOptions } from "./common-options.ts"

export interface Header {
  /** Year, month and day. */
  readonly date: string
  /** The command line, with `PYTHON` and `DIR` for the paths of the peer and of a folder. */
  readonly command: string
  readonly host: Host
}

/** The header of a run of `bun run bench COMMAND`; call it before the run loads the machine. */
export const headerOf = (command: string, args: ReadonlyArray<string>): Header => {
  // a path means nothing elsewhere
  const folders = { "--target": "DIR", "--draft": "DIR", "--prompts": "FILE" }
  const masked = Object.entries({
    ...{ "--peer": "PYTHON", "--folder": "DIR" },
    ...{ "--llama-bench": "PATH", "--ik-llama-bench": "PATH", "--gguf-converter": "COMMAND" },
    ...(command === "precision" ? folders : {}),
  })
  const words = args.map((arg, i) => {
    for (const [option, word] of masked) {
      if (args[i - 1] === option) return word
      if (arg.startsWith(`${option}=`)) return `${option}=${word}`
    }
    return arg
  })
  return {
    date: new Date().toISOString().slice(0, 10),
    command: ["bun run bench", command, ...words].join(" "),
    host: hostOf(),
  }
}

/** The header's lines above a table. */
const headerLines = ({ command, host }: Header): ReadonlyArray<string> => [
  command,
  `${host.cpu}, ${host.threads} threads, ${host.memoryGiB} GiB`,
  ...(isBusy(host.load, host.threads)
    ? [`busy: load ${host.load} on ${host.threads} threads; believe ratios, not seconds`]
    : []),
]

/** The output of a comparison: table on stdout and progress on stderr, or with `--json` one object on stdout. */
export interface Voice {
  /** A line of the table. */
  readonly say: (line: string) => void
  /** A line of progress. */
  readonly progress: (line: string) => void
  /** Ends the output: the lines of the table, or the header and the result as one object. */
  readonly finish: (result: object, lines?: ReadonlyArray<string>) => void
}

/** Makes the header of a comparison and prints it. */
export const begin = (command: string, args: ReadonlyArray<string>, { json }: Pick<CommonOptions, "json">): Voice => {
  const header = headerOf(command, args)
  const say = (line: string) => (json ? undefined : console.log(line))
  for (const line of headerLines(header)) say(line)
  return {
    say,
    progress: (line) => (json ? undefined : console.error(line)),
    finish: (result, lines = []) => {
      for (const line of lines) say(line)
      if (json) console.log(JSON.stringify({ ...header, ...result }))
    },
  }
}
