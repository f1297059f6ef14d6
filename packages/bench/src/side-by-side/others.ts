/** How busy other programs were while a comparison ran: its own sides load the machine, so that the load average cannot tell. */
import { readFileSync } from "node:fs"
import { cpus } from "node:os"

/** Ticks of a second in /proc: fixed on Linux, whatever the kernel's own clock. */
const TICKS = 100

/** Seconds that a process and its ended children computed. */
const secondsOf = (pid: number): number => {
  // the name, in brackets, may have spaces
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ")
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS
}

/** Seconds that all cores together computed since the machine started. */
const machineSeconds = (): number =>
  cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1000

/**
 * Watches from now on.
 *
 * @param pids the processes of the comparison, which do not count; they must live until the answer is asked for
 * @returns the cores that all other programs kept busy since, in the mean; null where the system does not tell (not Linux)
 */
export const watchOthers = (pids: ReadonlyArray<number>): (() => number | null) => {
  if (process.platform !== "linux") return () => null
  const own = () => pids.reduce((sum, pid) => sum + secondsOf(pid), 0)
  const [from, machine, ours] = [performance.now(), machineSeconds(), own()]
  return () => {
    const wall = (performance.now() - from) / 1000
    return Math.max(0, (machineSeconds() - machine - (own() - ours)) / wall)
  }
}

/** More than this share of a core in other hands, and absolute figures are those of a busy machine. */
export const QUIET_CORES = 0.25

/** The line of a table for it. */
export const othersLine = (cores: number | null): ReadonlyArray<string> =>
  cores === null
    ? []
    : [
        `other programs kept ${cores.toFixed(2)} cores busy${cores > QUIET_CORES ? ": believe ratios, not seconds" : ""}`,
      ]
