/** A process that trains a tiny draft with frequent checkpoints, and kills itself after some steps if asked to. */
import { armLayer } from "@winnow/core"
import { batches } from "@winnow/data"
import { adaspec } from "@winnow/filter-adaspec"
import { kl } from "@winnow/loss-kl"
import { llama } from "@winnow/model-llama"
import { initialise, saveModel } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { openEngine } from "@winnow/tensor"
import { Effect, Layer } from "effect"
import { frozenReference, frozenTarget, optimizerOptions, trainStage } from "../src/index.ts"
import { openKiller } from "./killer.ts"

/** The steps of this process before the kill, or none, and the milliseconds after them. */
const [checkpoints, out, steps, delay] = process.argv.slice(2) as [string, string, string?, string?]
const kill = await openKiller()
let done = 0
await openEngine()
const architecture = Effect.runSync(
  llama({
    vocab_size: 29,
    hidden_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    intermediate_size: 24,
    max_position_embeddings: 32,
  }).instance,
)
const rng = seeded(3, "examples")
const examples = Array.from({ length: 24 }, () => ({
  ids: Int32Array.from({ length: 6 + rng.below(6) }, () => rng.below(29)),
  promptLength: 2,
}))
const model = initialise(architecture, 1)
const arm = armLayer(adaspec(), kl()).pipe(
  Layer.provide(Layer.merge(frozenReference(initialise(architecture, 2)), frozenTarget(initialise(architecture, 3)))),
)
await Effect.runPromise(
  trainStage({
    stage: "child",
    model,
    batches: batches(examples, { batchSize: 4, seed: 1 }),
    steps: 150,
    optimizer: optimizerOptions.assert({ learningRate: 0.01, warmup: 3 }),
    seed: 5,
    checkpoint: { directory: checkpoints, identity: "kill", everySeconds: 0.02 },
    onEvent: (event) => {
      if (event._tag === "step" && ++done === Number(steps)) kill(Number(delay))
      if (event._tag === "resumed") console.log(JSON.stringify({ resumed: event.step }))
    },
  }).pipe(Effect.provide(arm)),
)
await Effect.runPromise(saveModel(model, out))
