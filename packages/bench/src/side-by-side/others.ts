/** How busy other programs are while a comparison runs: its own sides load the machine, so that the load average cannot tell. */
import { readFileSync } from "node:fs"
import { cpus } from "node:os"

/** Ticks of a second in /proc: fixed on Linux, whatever the kernel's own clock. */
const TICKS = 100

/** Seconds that a process and its ended children computed; Linux only. */
export const secondsOf = (pid: number): number => {
  // the name, in brackets, may have spaces
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ")
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS
}

/** Seconds that all cores together computed since the machine started. */
const machineSeconds = (): number =>
  cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1000

/** Core-seconds of other programs, and the seconds in which they were taken. */
export interface Taken {
  readonly coreSeconds: number
  readonly seconds: number
}

/**
 * Watches from now on.
 *
 * @param pids the processes of the comparison, which do not count; they must live until the answer is asked for
 * @returns what all other programs took since; null where the system does not tell (not Linux)
 */
export const watchOthers = (pids: ReadonlyArray<number>): (() => Taken | null) => {
  if (process.platform !== "linux") return () => null
  const own = () => pids.reduce((sum, pid) => sum + secondsOf(pid), 0)
  const [from, machine, ours] = [performance.now(), machineSeconds(), own()]
  return () => ({
    coreSeconds: Math.max(0, machineSeconds() - machine - (own() - ours)),
    seconds: (performance.now() - from) / 1000,
  })
}

/** Cores that other programs kept busy over several watches, in the mean; null where the system did not tell. */
export const coresOf = (taken: ReadonlyArray<Taken | null>): number | null => {
  const told = taken.filter((t) => t !== null)
  if (told.length === 0 || told.length < taken.length) return null
  return told.reduce((sum, t) => sum + t.coreSeconds, 0) / told.reduce((sum, t) => sum + t.seconds, 0)
}

/**
 * With more than this share of a core in other hands, figures are those of a busy machine: PyTorch's threads wait for one
 * another, so that it loses more by it than ours does.
 */
export const QUIET_CORES = 0.1
