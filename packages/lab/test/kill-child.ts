/**
 * A process that runs the experiment of the kill tests, or an overlapping one, once it is told on stdin which: a `KillRun` as
 * JSON. Prints its progress, a JSON object a line, and "all" once every stage is there and only results are left to write.
 */
import "@winnow/core/arktype-setup"
import { openEngine } from "@winnow/tensor"
import { Effect } from "effect"
import type { ProgressEvent } from "../src/index.ts"
import { type KillRun, killRun } from "./kill-run.ts"

const done = new Set<number>()
const report = (event: ProgressEvent) => {
  console.log(JSON.stringify(event))
  if (event._tag !== "done") return
  done.add(event.index)
  if (done.size === event.of) console.log(JSON.stringify({ _tag: "all" }))
}
await openEngine()
const run = JSON.parse(await Bun.stdin.text()) as KillRun
const directory = await Effect.runPromise(killRun(run, report))
console.log(JSON.stringify({ _tag: "directory", directory }))
process.exit(0)
