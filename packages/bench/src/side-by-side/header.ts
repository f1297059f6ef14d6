/** What every comparison says of itself: when, where and by which command it was measured. */
import { type Host, hostOf, isBusy } from "../machine.ts"

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
export const headerLines = ({ command, host }: Header): ReadonlyArray<string> => [
  command,
  `${host.cpu}, ${host.threads} threads, ${host.memoryGiB} GiB`,
  ...(isBusy(host) ? [`busy: load ${host.load} on ${host.threads} threads; believe ratios, not seconds`] : []),
]
