/** A small training of everything that processes have to agree on, for tests: the same in one process and in several. */
import {
  armLayer,
  type DataError,
  defineFilter,
  type Filter,
  type InvalidInput,
  type Loss,
  type PeerLost,
  ranked,
  type TrainingStopped,
} from "@winnow/core"
import { batches } from "@winnow/data"
import { tvdPlusPlus } from "@winnow/loss-tvd-plus-plus"
import { llama } from "@winnow/model-llama"
import { initialise } from "@winnow/models"
import { mean, seeded } from "@winnow/numerics"
import { type } from "arktype"
import { Effect, Layer } from "effect"
import { frozenTarget, movingAverage } from "../reference.ts"
import { optimizerOptions } from "../schedule.ts"
import { type TrainOptions, trainStage } from "../train-stage.ts"

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

/** Keeps by the lead over the reference, and a share that moves with the loss of each micro-batch. */
const remembering = defineFilter({
  name: "remembering",
  needs: ["draftLoss_N", "referenceLoss_N"],
  options: type({ "+": "reject" }),
  make: () => {
    let memory = { ratio: 0.5, average: 3.4 }
    return {
      select: ({ draftLoss_N, referenceLoss_N }) => {
        const selection = ranked(
          draftLoss_N.map((loss, n) => loss - referenceLoss_N[n]!),
          { k: memory.ratio, divideBy: "kept" },
        )
        const loss = mean(draftLoss_N)
        const ratio = Math.min(0.9, Math.max(0.2, memory.ratio * (loss > memory.average ? 1.07 : 0.93)))
        memory = { ratio, average: 0.7 * memory.average + 0.3 * loss }
        return selection
      },
      save: () => memory,
      restore: (saved) => {
        memory = saved as typeof memory
      },
    }
  },
})

const rng = seeded(3, "examples")
const examples = Array.from({ length: 40 }, () => ({
  ids: Int32Array.from({ length: 6 + rng.below(6) }, () => rng.below(29)),
  promptLength: 2,
}))

/** Steps of the training, and micro-batches of each. */
export const [steps, microBatches] = [6, 5]

/** Trains, and answers with all bits of the weights and with the counts. */
export const trained = (
  options: Pick<TrainOptions, "group" | "until" | "onEvent"> & { readonly directory?: string | undefined },
): Promise<{ readonly weights: Record<string, string>; readonly counts: unknown }> =>
  Effect.gen(function* () {
    const { directory, ...rest } = options
    const models = [1, 90].map((seed) => initialise(architecture, seed))
    const [draft, target] = models as [(typeof models)[0], (typeof models)[0]]
    const layer = armLayer(remembering(), tvdPlusPlus()).pipe(
      Layer.provide(Layer.merge(movingAverage(draft, 0.8), frozenTarget(target))),
    )
    const summary = yield* trainStage({
      ...{ stage: "test", model: draft, steps, microBatches, seed: 5 },
      batches: batches(examples, { batchSize: 3, seed: 1 }),
      optimizer: optimizerOptions.assert({ learningRate: 0.01, warmup: 3, schedule: "cosine", clip: 0.5 }),
      ...(directory && { checkpoint: { directory, identity: "a", everySeconds: 0 } }),
      ...rest,
    }).pipe(Effect.provide(layer as Layer.Layer<Filter | Loss, InvalidInput | DataError | TrainingStopped | PeerLost>))
    const weights = Object.fromEntries(
      [...draft.parameters].map(([name, p]) => [name, String(Bun.hash(p.dataSync().buffer as ArrayBuffer))]),
    )
    for (const model of models) model.dispose()
    return { weights, counts: { ...summary, seconds: 0 } }
  }).pipe(Effect.runPromise)
