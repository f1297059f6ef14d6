/** Our selective step as a worker with the peer's protocol: a "step" line in, a JSON line with its seconds out. */
import { parseArgs } from "node:util"
import { Reference, Target } from "@winnow/core"
import type { Batch } from "@winnow/data"
import { adaspec } from "@winnow/filter-adaspec"
import { kl } from "@winnow/loss-kl"
import { gptNeox, initialise } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { native, openEngine, type Precision, precision, setPrecision } from "@winnow/tensor"
import { chunkRowsFor, makeOptimizer, optimizerOptions, optimizerStep, runMicroBatch } from "@winnow/training"
import { Effect } from "effect"
import { peakMegabytes } from "../side-by-side/peak.ts"

const { values } = parseArgs({
  options: {
    draft: { type: "string" },
    target: { type: "string" },
    vocab: { type: "string" },
    batch: { type: "string" },
    length: { type: "string" },
    keep: { type: "string", default: "0.4" },
    threads: { type: "string" },
    chunk: { type: "string" },
    precision: { type: "string", default: "float32" },
  },
})
const number = (name: "vocab" | "batch" | "length" | "keep" | "threads") => Number(values[name])
const [V, B, T] = [number("vocab"), number("batch"), number("length")]

await openEngine({ threads: number("threads") })
setPrecision(values.precision as Precision)
const build = (sizes: string, seed: number) => {
  const [hidden_size, num_hidden_layers, num_attention_heads, intermediate_size] = sizes.split(",").map(Number)
  const use = gptNeox({
    vocab_size: V,
    max_position_embeddings: Math.max(2048, T),
    hidden_size: hidden_size!,
    num_hidden_layers: num_hidden_layers!,
    num_attention_heads: num_attention_heads!,
    intermediate_size: intermediate_size!,
  })
  return initialise(Effect.runSync(use.instance), seed)
}
const draft = build(values.draft!, 1)
const reference = build(values.draft!, 2)
const target = build(values.target!, 3)
const provided = <A>(effect: Effect.Effect<A, unknown, Target | Reference>) =>
  Effect.runSync(
    effect.pipe(
      Effect.provideService(Target, target),
      Effect.provideService(Reference, { model: reference }),
    ) as Effect.Effect<A>,
  )
const filter = provided(adaspec({ k: number("keep") }).instance)
const loss = provided(kl().instance)
const settings = optimizerOptions.assert({ learningRate: 1e-4, warmup: 0 })
const optimizer = makeOptimizer(draft.parameters, settings)

const rng = seeded(1, "ids")
const N = B * T
const ids_BT = Int32Array.from({ length: N }, () => rng.below(V))
const batch: Batch = {
  B,
  example_B: Int32Array.from({ length: B }, (_, b) => b),
  T,
  ids_BT,
  row_N: Int32Array.from({ length: N }, (_, n) => n),
  gold_N: Int32Array.from({ length: N }, () => rng.below(V)),
  sequence_N: Int32Array.from({ length: N }, (_, n) => Math.floor(n / T)),
  position_N: Int32Array.from({ length: N }, (_, n) => (n % T) + 1),
  tokens: N,
}
const chunkRows = values.chunk === undefined ? chunkRowsFor(V) : Number(values.chunk)
const step = (t: number) =>
  optimizerStep(optimizer, settings, t, 1000, 1, (micro, divide) =>
    runMicroBatch({
      batch,
      draft,
      target,
      reference,
      filter,
      loss,
      step: t,
      steps: 1000,
      seed: 1,
      micro,
      chunkRows,
      divide,
    }),
  )

const variant = native()?.variant
const how = variant === undefined ? "float32, plain (no native library)" : `${precision()}, ${variant}`
console.log(JSON.stringify({ ready: `Winnow ${how}` }))
let t = 0
for await (const line of console) {
  if (line.trim() !== "step") break
  const start = performance.now()
  const { loss: value } = step(t++)
  console.log(JSON.stringify({ seconds: (performance.now() - start) / 1000, loss: value }))
}
console.log(JSON.stringify({ peakMegabytes: peakMegabytes() }))
