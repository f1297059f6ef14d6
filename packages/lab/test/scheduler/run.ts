/**
 * A sweep of about 10 000 stages on a simulated cluster, as one JSON object: a record of results/benchmarks.
 *
 * bun packages/lab/test/scheduler/run.ts [arms] [slots]
 */
import { mkdtempSync, rmSync } from "node:fs"
import { availableParallelism, cpus, loadavg, release, tmpdir, totalmem } from "node:os"
import { join } from "node:path"
import { openEngine } from "@winnow/tensor"
import { simulate } from "./simulate.ts"

await openEngine() // The plan of a launch names its arithmetic.
const [arms = 1000, slots = 64] = process.argv.slice(2).map(Number)
const host = {
  cpu: cpus()[0]?.model.trim() ?? "unknown",
  threads: availableParallelism(),
  memoryGiB: Math.round((totalmem() / 2 ** 30) * 10) / 10,
  system: `${process.platform} ${process.arch} ${release()}`,
  bun: Bun.version,
  load: Math.round(loadavg()[0]! * 10) / 10,
}
const home = mkdtempSync(join(tmpdir(), "winnow-scheduler-"))
try {
  const size = { arms, seeds: 5, shards: 60, slots, failsOneIn: 200 }
  const result = await simulate({ home, ...size })
  const command = `bun packages/lab/test/scheduler/run.ts ${arms} ${slots}`
  console.log(JSON.stringify({ date: new Date().toISOString().slice(0, 10), command, host, size, ...result }, null, 1))
} finally {
  rmSync(home, { recursive: true, force: true })
}
