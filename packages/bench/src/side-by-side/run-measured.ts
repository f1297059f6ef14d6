/** Runs a program to its end and reads its highest resident size while it runs. */
import { readFileSync } from "node:fs"
import { environmentOf, WorkerEnded } from "./worker-process.ts"

export interface Measured {
  readonly stdout: string
  readonly stderr: string
  /** MB (2^20 bytes), libraries and mapped files included; NaN where the system does not report it. */
  readonly peakMegabytes: number
}

/** Milliseconds between two looks. The figure only grows, so a look misses no more than the last moments. */
const LOOK = 10

/** VmHWM of a process so far, MB; 0 once it has ended. */
const peakOf = (pid: number): number => {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024
  } catch {
    return 0
  }
}

/**
 * Runs a command to its end. The usual figure of an ended child counts the parent's memory too, which it shared until it
 * started the program; /proc counts the program's own.
 *
 * @error WorkerEnded with the end of its stderr when it fails
 */
export const runMeasured = async (command: ReadonlyArray<string>): Promise<Measured> => {
  const child = Bun.spawn([...command], { stdin: "ignore", stdout: "pipe", stderr: "pipe", env: environmentOf({}) })
  let peak = 0
  const timer = setInterval(() => {
    peak = Math.max(peak, peakOf(child.pid))
  }, LOOK)
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]).finally(() => clearInterval(timer))
  if (code !== 0)
    throw new WorkerEnded(
      `${command[0]} ended with ${child.signalCode ?? `exit code ${code}`}:\n${stderr.trim().slice(-2000)}`,
    )
  return { stdout, stderr, peakMegabytes: peak === 0 ? Number.NaN : peak }
}
