/** A stage of masked tokens at a scheduled rate resumes with the same masks. */
import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Encoder, filterLayer, lossLayer } from "@winnow/core"
import { batches } from "@winnow/data"
import { none } from "@winnow/filter-none"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { initialise } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { masked } from "@winnow/objective-masked"
import { bothWays, instanceOf } from "@winnow/testing"
import { Effect, Fiber, Layer } from "effect"
import { optimizerOptions } from "./schedule.ts"
import { type TrainOptions, trainStage } from "./train-stage.ts"

const [V, steps] = [14, 12]
const rng = seeded(1, "words")
const examples = Array.from({ length: 60 }, () => ({
  ids: Int32Array.from({ length: 4 + rng.below(7) }, () => rng.below(13)),
  promptLength: rng.below(3),
}))
const instance = await instanceOf(masked({ maskId: 13, rate: { from: 0.6, to: 0.2 } }))
const architecture = await Effect.runPromise(
  bothWays.use({ vocab_size: V, width: 16, depth: 1, heads: 2, length: 16 }).instance,
)
const stage = (model: Encoder, options: Partial<TrainOptions> = {}) =>
  trainStage({
    stage: "masked",
    model,
    batches: batches(examples, {
      batchSize: 4,
      seed: 1,
      objective: { instance, vocabularySize: V, steps, microBatches: 2 },
    }),
    steps,
    microBatches: 2,
    optimizer: optimizerOptions.assert({ learningRate: 0.005, warmup: 2 }),
    seed: 5,
    ...options,
  }).pipe(Effect.provide(Layer.merge(filterLayer(none()), lossLayer(crossEntropy()))))

const directory = mkdtempSync(join(tmpdir(), "winnow-masked-"))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

test("interrupted and resumed, the weights are those of one run, bit by bit", async () => {
  const values = (model: Encoder) => [...model.parameters.values()].map((p) => Array.from(p.dataSync()))
  const models = [1, 2, 3].map(() => initialise(architecture, 3))
  const [whole, half, rest] = models as [Encoder, Encoder, Encoder]
  const summary = await Effect.runPromise(stage(whole))
  const checkpoint = { directory, identity: "masked", everySeconds: 3600 }
  let stop: (() => void) | undefined
  const fiber = Effect.runFork(
    stage(half, {
      checkpoint,
      onEvent: (event) => {
        if (event._tag === "step" && event.step === 7) stop!()
      },
    }),
  )
  stop = () => Effect.runFork(Fiber.interrupt(fiber))
  await Effect.runPromise(Fiber.await(fiber))
  const resumed = await Effect.runPromise(stage(rest, { checkpoint }))
  expect(values(rest)).toEqual(values(whole))
  expect({ ...resumed, seconds: 0 }).toEqual({ ...summary, seconds: 0 })
  for (const model of models) model.dispose()
})
