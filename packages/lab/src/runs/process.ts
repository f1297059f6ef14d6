/** The process that made an entry, and the test that it still lives. */
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { hostname } from "node:os"

/** A process for as long as the machine runs: numbers are given out again, so the moment of its start is part of it. */
export interface ProcessIdentity {
  readonly host: string
  readonly pid: number
  readonly start: string
}

/** When a process began, in the system's own words; undefined where there is no such process. */
const startOf = (pid: number): string | undefined => {
  if (existsSync("/proc/self/stat")) {
    try {
      // The name in brackets may hold spaces: fields are counted after it. The 20th from there is the start, in ticks.
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
      const [state, start] = [fields[0], fields[19]]
      return state === "Z" ? undefined : `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()} ${start}`
    } catch {
      return undefined
    }
  }
  const { stdout } = spawnSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" })
  return stdout.trim() || undefined
}

/** This process. */
export const thisProcess = (): ProcessIdentity => ({
  host: hostname(),
  pid: process.pid,
  start: startOf(process.pid) ?? "unknown",
})

/** True if a process lives. One of another machine that shares the folder cannot be asked, and is believed to. */
export const isAlive = ({ host, pid, start }: ProcessIdentity): boolean => host !== hostname() || startOf(pid) === start
