/** Our selective step as a worker with the peer's protocol: a "step" line in, one JSON line with seconds out. */
import { join } from "node:path"
import { native, openEngine, setPrecision } from "@winnow/tensor"
import {
  type CachedSignals,
  cachedReference,
  cachedTarget,
  headFor,
  makeOptimizer,
  openSignals,
  optimizerOptions,
  optimizerStep,
  runMicroBatch,
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
  spanSteps,
  threads,
} from "./setting.ts"
import { watchCalls } from "./spans.ts"

await openEngine({ threads })
setPrecision(precision)

/** The caches of a folder, mapped into memory. */
const openCaches = (folder: string): CachedSignals => {
  const open = (which: string) => openSignals(join(folder, which), identity, examples)
  return {
    target: cachedTarget(open("target"), form),
    reference: cachedReference(open("reference"), ["referenceLoss_N"]),
  }
}

const draft = await models.draft()
const frozen =
  signalsFolder === undefined
    ? { target: await models.target(), reference: await models.reference() }
    : { target: undefined, reference: undefined }
const { filter, loss } = await plugins()
const signals = signalsFolder === undefined ? undefined : openCaches(signalsFolder)
const head = headFor({ filter, loss, signals, precision, chunkRows })
const settings = optimizerOptions.assert({ learningRate: 1e-4, warmup: 0 })
const optimizer = makeOptimizer(draft.parameters, settings)

const step = (t: number) =>
  optimizerStep(optimizer, settings, t, 1000, microBatches, (micro, divide) =>
    runMicroBatch({
      batch: source.batch(t * microBatches + micro),
      draft,
      ...frozen,
      filter,
      head,
      step: t,
      steps: 1000,
      seed: 1,
      micro,
      divide,
    }),
  )

// Memory of loading is no memory of the steps.
Bun.gc(true)
const variant = native()?.variant
const how = variant === undefined ? "float32, plain (no native library)" : `${precision}, ${variant}`
const from = signals === undefined ? "live" : `cached (top ${form.topK})`
console.log(JSON.stringify({ ready: `Winnow ${how}, signals ${from}` }))
let t = 0
if (spanSteps !== undefined) {
  const watch = watchCalls({ draft, ...frozen, optimizer })
  const steps = Array.from({ length: spanSteps + 2 }, () => watch(() => void step(t++))).slice(2)
  console.log(JSON.stringify({ spans: steps }))
  process.exit(0)
}
for await (const line of console) {
  if (line.trim() !== "step") break
  const start = performance.now()
  const { loss: value } = step(t++)
  console.log(JSON.stringify({ seconds: (performance.now() - start) / 1000, loss: value }))
}
console.log(JSON.stringify({ peakMegabytes: peakMegabytes() }))
