/**
 * A process that tries damages of one kind, so that a crash or a hang is seen from outside. Arguments: folder, kind, seed,
 * first, count, milliseconds. Prints a JSON line before each trial and one after it.
 */
import { readFileSync } from "node:fs"
import { writeStdout } from "@winnow/files"
import { seeded } from "@winnow/numerics"
import { kinds } from "./kinds/index.ts"

const [folder, name, seed, first, count, milliseconds] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  string,
]
const kind = kinds.find((k) => k.name === name)!
const say = (line: object) => writeStdout(`${JSON.stringify(line)}\n`)
console.log = () => {} // what commands print is no line of ours

/** Megabytes that this process has had at most. */
const peak = (): number => Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? 0) / 1024

process.on("SIGINT", () => {}) // of a terminal: the process above ends this one
const attempt = await kind.setUp(folder)
const began = performance.now()
let before = peak()
for (let i = Number(first); i < Number(first) + Number(count); i++) {
  if (performance.now() - began > Number(milliseconds)) break
  say({ begin: i })
  const started = performance.now()
  const tried = await attempt(seeded(Number(seed), "attack", name, i), i, (damage) => say({ damage }))
  const now = peak()
  // the first trials fill pools that stay
  const grown = i - Number(first) < 20 ? 0 : now - before
  before = now
  const seconds = (performance.now() - started) / 1000
  say({ end: i, ...(grown > 1500 ? { ...tried, outcome: "wrong", detail: `took ${grown} MB` } : tried), seconds })
}
process.exit(0)
