/** The load of other programs during a comparison. The load average does not serve, as it includes our own sides. */
import { readFileSync } from "node:fs"
import { cpus } from "node:os"

/** Ticks a second in /proc: fixed on Linux, for any kernel clock. */
const TICKS = 100

/** Processor seconds of a process and its ended children; Linux only. */
export const secondsOf = (pid: number): number => {
  // The name, in brackets, may contain spaces.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ")
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS
}

/** Processor seconds of all cores together since the machine started. */
const machineSeconds = (): number =>
  cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1000

/** Core-seconds of other programs, over a span of seconds. */
export interface OthersTime {
  readonly coreSeconds: number
  readonly seconds: number
}

/**
 * Starts to watch.
 *
 * @param pids the processes of the comparison, which do not count; they must outlive the watch
 * @returns the time of all other programs since; null where the system does not report it (not Linux)
 */
export const watchOthers = (pids: ReadonlyArray<number>): (() => OthersTime | null) => {
  if (process.platform !== "linux") return () => null
  const own = () => pids.reduce((sum, pid) => sum + secondsOf(pid), 0)
  const [from, machine, ours] = [performance.now(), machineSeconds(), own()]
  return () => ({
    coreSeconds: Math.max(0, machineSeconds() - machine - (own() - ours)),
    seconds: (performance.now() - from) / 1000,
  })
}

/**
 * Mean number of cores that other programs kept busy over several watches; null where the system does not report it.
 */
export const coresOf = (times: ReadonlyArray<OthersTime | null>): number | null => {
  const measurements = times.filter((t) => t !== null)
  if (measurements.length === 0 || measurements.length < times.length) return null
  return measurements.reduce((sum, t) => sum + t.coreSeconds, 0) / measurements.reduce((sum, t) => sum + t.seconds, 0)
}

/**
 * Above this share of a core for other programs, figures count as those of a busy machine. PyTorch's threads wait for
 * one another, so that it loses more by it than our side does.
 */
export const QUIET_CORES = 0.1
