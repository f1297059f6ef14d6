/**
 * Runs trials of one kind in a process of its own, so that its parent sees a crash or a hang. Arguments: folder, kind,
 * seed, first, count, milliseconds. Prints a JSON line before each trial and one after it.
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
console.log = () => {} // commands print too, and stdout carries only our lines

/** The largest memory of this process so far, in megabytes. */
const peak = (): number => Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? 0) / 1024

process.on("SIGINT", () => {}) // Ctrl-C in a terminal reaches this process too; its parent ends it
const attempt = await kind.setUp(folder)
const began = performance.now()
let before = peak()
for (let i = Number(first); i < Number(first) + Number(count); i++) {
  if (performance.now() - began > Number(milliseconds)) break
  say({ begin: i })
  const started = performance.now()
  const outcome = await attempt(seeded(Number(seed), "attack", name, i), i, (damage) => say({ damage }))
  const now = peak()
  // The first trials fill pools, which stay full.
  const growth = i - Number(first) < 20 ? 0 : now - before
  before = now
  const seconds = (performance.now() - started) / 1000
  say({ end: i, ...(growth > 1500 ? { ...outcome, outcome: "wrong", detail: `took ${growth} MB` } : outcome), seconds })
}
process.exit(0)
