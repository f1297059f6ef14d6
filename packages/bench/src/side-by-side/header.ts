/** The header of every comparison: when, where and by which command it was measured. */
import { isBusy } from "@winnow/engine"
import { type Host, hostOf } from "../machine.ts"
import type { CommonOptions } from "./common-options.ts"

export interface Header {
  /** Year, month and day. */
  readonly date: string
  /** With `PYTHON` for the peer's path, which is of no interest elsewhere. */
  readonly command: string
  readonly host: Host
}

/** The header of a run of `bun run bench COMMAND`; call it before there is load of its own. */
export const headerOf = (command: string, args: ReadonlyArray<string>): Header => {
  const shown = args.map((arg, i) =>
    args[i - 1] === "--peer" ? "PYTHON" : arg.startsWith("--peer=") ? "--peer=PYTHON" : arg,
  )
  return {
    date: new Date().toISOString().slice(0, 10),
    command: ["bun run bench", command, ...shown].join(" "),
    host: hostOf(),
  }
}

/** Its lines above a table. */
const headerLines = ({ command, host }: Header): ReadonlyArray<string> => [
  command,
  `${host.cpu}, ${host.threads} threads, ${host.memoryGiB} GiB`,
  ...(isBusy(host.load, host.threads)
    ? [`busy: load ${host.load} on ${host.threads} threads; believe ratios, not seconds`]
    : []),
]

/** How a comparison speaks: its table on stdout and its progress on stderr, or with `--json` one object on stdout. */
export interface Voice {
  /** A line of the table. */
  readonly say: (line: string) => void
  /** A line that shows how far it is. */
  readonly progress: (line: string) => void
  /** The end: the lines of the table, or the header and the result as one object. */
  readonly finish: (result: object, lines?: ReadonlyArray<string>) => void
}

/** Takes the header of a comparison, and says it. */
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
