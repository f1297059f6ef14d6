/** Seconds of processor time of a process: a busy machine lets others wait, it does not make them compute. */
import { readdirSync, readFileSync } from "node:fs"

/** Clock ticks a second, in which Linux counts. */
const ticks = 100

interface Process {
  readonly parent: number
  /** Its own seconds and those of its children that have ended. */
  readonly seconds: number
}

const processOf = (pid: string): ReadonlyArray<readonly [number, Process]> => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8")
    // The name, in brackets, may hold anything.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
    const seconds = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) / ticks
    return [[Number(pid), { parent: Number(fields[1]), seconds }]]
  } catch {
    return [] // ended in this moment
  }
}

/** Seconds that a process and all below it have computed so far. */
export const computedBy = (pid: number): number => {
  const all = new Map(readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? processOf(name) : [])))
  const isBelow = (at: number): boolean => at === pid || (all.has(at) && isBelow(all.get(at)!.parent))
  return [...all].reduce((sum, [at, { seconds }]) => (isBelow(at) ? sum + seconds : sum), 0)
}
