/** Processor time of a process in seconds. A busy machine makes a process wait, which takes no processor time. */
import { readdirSync, readFileSync } from "node:fs"

/** Linux counts processor time in these ticks a second. */
const ticks = 100

interface Process {
  readonly parent: number
  /** Its own seconds and the seconds of its children that have ended. */
  readonly seconds: number
}

const processOf = (pid: string): ReadonlyArray<readonly [number, Process]> => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8")
    // The name, in brackets, may contain any character.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
    const seconds = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) / ticks
    return [[Number(pid), { parent: Number(fields[1]), seconds }]]
  } catch {
    return [] // the process has just ended
  }
}

/** Seconds that a process and all its descendants have computed so far. */
export const computedBy = (pid: number): number => {
  const all = new Map(readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? processOf(name) : [])))
  const isBelow = (at: number): boolean => at === pid || (all.has(at) && isBelow(all.get(at)!.parent))
  return [...all].reduce((sum, [at, { seconds }]) => (isBelow(at) ? sum + seconds : sum), 0)
}
