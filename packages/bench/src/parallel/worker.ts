/**
 * Our step by one process or several, as a worker: a "step" line in, one JSON line with seconds out.
 *
 * The process that the comparison starts is rank 0. It starts the others, and passes the lines on to them.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { joinGroup, openEngine, setPrecision, type tf } from "@winnow/tensor"
import {
  applyStep,
  cachedReference,
  cachedTarget,
  headFor,
  makeOptimizer,
  openSignals,
  optimizerOptions,
  optimizerStep,
  runMicroBatch,
  share,
  waysOf,
} from "@winnow/training"
import { peakMegabytes } from "../side-by-side/peak.ts"
import {
  chunkRows,
  examples,
  form,
  identity,
  microBatches,
  models,
  plugins,
  precision,
  signalsFolder,
  source,
  threads,
} from "../step/setting.ts"
import { onCore } from "./on-core.ts"

const [rank, given] = [Number(process.env["BENCH_RANK"] ?? 0), process.env["BENCH_MEETING"]]
const meeting = given ?? mkdtempSync(join(tmpdir(), "winnow-bench-meeting-"))
const others = Array.from({ length: rank === 0 ? microBatches - 1 : 0 }, (_, i) =>
  Bun.spawn([...onCore(i + 1), process.execPath, ...process.argv.slice(1)], {
    stdin: "pipe",
    stdout: "ignore",
    stderr: "inherit",
    env: { ...process.env, BENCH_RANK: String(i + 1), BENCH_MEETING: meeting },
  }),
)
const group =
  microBatches === 1
    ? undefined
    : await joinGroup(
        { folder: meeting, rank, size: microBatches, host: "127.0.0.1", memory: process.env["BENCH_NETWORK"] !== "1" },
        { threads },
      )
if (group === undefined) await openEngine({ threads })
setPrecision(precision)

const open = (which: string) => openSignals(join(signalsFolder!, which), identity, examples)
const signals = {
  target: cachedTarget(open("target"), form),
  reference: cachedReference(open("reference"), ["referenceLoss_N"]),
}
const draft = await models.draft()
const { filter, loss } = await plugins()
const head = headFor({ filter, loss, signals, precision, chunkRows })
const settings = optimizerOptions.assert({ learningRate: 1e-4, warmup: 0 })
const optimizer = makeOptimizer(draft.parameters, settings)
const trained = Array.from(draft.trained, ([name, { shape }]) => ({ name, shape }))
const sharing = group && share(group, filter, trained, () => false, waysOf(draft))

const steps = 1000
const run = (t: number, micro: number, divide: boolean, onHeadGradient?: (gradient: tf.Tensor) => void) => {
  const batch = source.batch(t * microBatches + micro)
  const input = { batch, draft, filter, head, step: t, steps, seed: 1, micro, divide, onHeadGradient }
  return { batch, of: runMicroBatch(input) }
}
const step = (t: number) => {
  if (sharing === undefined)
    return optimizerStep(optimizer, settings, t, steps, 1, (micro, divide) => run(t, micro, divide).of)
  const { accumulated } = sharing.accumulate(microBatches, (micro, onHeadGradient) => {
    const { batch, of } = run(t, micro, false, onHeadGradient)
    const { gradients, ...result } = of
    return { result, gradients, seen: { tokens: batch.tokens, positions: batch.B * batch.T } }
  })
  return applyStep(optimizer, settings, t, steps, accumulated)
}

// Memory of loading is no memory of the steps.
Bun.gc(true)
console.log(
  JSON.stringify({
    helpers: others.map(({ pid }) => pid),
    ready: `Winnow ${precision}, ${microBatches} ${microBatches === 1 ? "process" : "processes"}`,
  }),
)
let t = 0
for await (const line of console) {
  if (line.trim() !== "step") break
  for (const other of others) {
    other.stdin.write("step\n")
    other.stdin.flush()
  }
  const start = performance.now()
  const { loss: value } = step(t++)
  console.log(JSON.stringify({ seconds: (performance.now() - start) / 1000, loss: value }))
}
for (const other of others) other.stdin.end()
await Promise.all(others.map(({ exited }) => exited))
console.log(JSON.stringify({ peakMegabytes: peakMegabytes() }))
if (rank === 0) rmSync(meeting, { recursive: true, force: true })
process.exit(0)
