/** Training of a head on a frozen target: it learns, and a run that was interrupted ends with the same bits. */
import { afterAll, afterEach, beforeEach, expect, test } from "bun:test"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { armLayer, type DraftHead } from "@winnow/core"
import { batches, collate } from "@winnow/data"
import { adaspec } from "@winnow/filter-adaspec"
import { none } from "@winnow/filter-none"
import { medusa } from "@winnow/head-medusa"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { kl } from "@winnow/loss-kl"
import { initialiseHead } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { Effect, Fiber, Layer } from "effect"
import { withHead } from "./fixture.ts"
import { runMicroBatch } from "./micro-batch.ts"
import { frozenReference, frozenTarget } from "./reference.ts"
import { optimizerOptions } from "./schedule.ts"
import { instanceOf, tinyModel, V } from "./signals/fixture.ts"
import { type TrainOptions, trainStage } from "./train-stage.ts"

const [target, reference] = [tinyModel("large", 1), tinyModel("small", 3)]
afterAll(() => {
  target.dispose()
  reference.dispose()
})

let directory = ""
let tensors = 0
beforeEach(async () => {
  tensors = tf.memory().numTensors
  directory = await mkdtemp(join(tmpdir(), "winnow-head-"))
})
afterEach(async () => {
  await rm(directory, { recursive: true, force: true })
  expect(tf.memory().numTensors).toBe(tensors)
})

/** Sequences that count up by 3: a token determines the token after next. */
const rng = seeded(2, "counting")
const examples = Array.from({ length: 40 }, () => {
  const first = rng.below(V)
  return { ids: Int32Array.from({ length: 8 + rng.below(6) }, (_, i) => (first + 3 * i) % V), promptLength: 2 }
})
const arms = {
  "cross-entropy": armLayer(none(), crossEntropy()),
  "adaspec, kl": armLayer(adaspec({ k: 0.5 }), kl()).pipe(
    Layer.provide(Layer.merge(frozenTarget(target), frozenReference(reference))),
  ),
}
const train = (draft: DraftHead, arm: keyof typeof arms, options: Partial<TrainOptions> = {}) =>
  trainStage({
    ...{ stage: "head", model: draft, batches: batches(examples, { batchSize: 8, seed: 1 }), steps: 200, seed: 5 },
    optimizer: optimizerOptions.assert({ learningRate: 0.03, warmup: 5, schedule: "cosine" }),
    ...options,
  }).pipe(Effect.provide(arms[arm]))
const fresh = async () => initialiseHead(await instanceOf(medusa({ heads: 1 })), target, 1)
const bits = (draft: Pick<DraftHead, "parameters">) =>
  Object.fromEntries(Array.from(draft.parameters, ([name, value]) => [name, Array.from(value.dataSync())]))

test("the head learns the token after next; the target keeps its bits", async () => {
  const before = bits(target)
  const draft = await fresh()
  const losses: Array<number> = []
  const { tokensValid } = await Effect.runPromise(
    train(draft, "cross-entropy", { onEvent: (e) => e._tag === "step" && losses.push(e.loss) }),
  )
  // It begins as a guess of the next token, and must end below a uniform guess over V.
  expect(losses[0]!).toBeGreaterThan(Math.log(V))
  expect(losses.at(-1)!).toBeLessThan(0.5)
  expect(tokensValid).toBeGreaterThan(200 * 8 * 5)
  expect(bits(target)).toEqual(before)

  const all = collate(examples)
  const filter = { ...(await instanceOf(none())), needs: ["draftTop_N", "draftNll_N"] as const }
  const loss = await instanceOf(crossEntropy())
  const parts = {
    ...{ batch: all, draft, target, reference, filter, loss, chunkRows: 5 },
    ...{ step: 3, steps: 10, seed: 7, micro: 0, divide: true },
  }
  const { statistics, gradients } = runMicroBatch(withHead(parts))
  tf.dispose(gradients)
  const right = [...statistics.draftNll_N!].filter((nll, n) => nll < -Math.log(statistics.draftTop_N![n]!) + 1e-5)
  expect(right.length / statistics.draftNll_N!.length).toBeGreaterThan(0.9)
  draft.dispose()
})

test("interrupted and resumed, the weights are those of one run, bit by bit", async () => {
  const whole = await fresh()
  await Effect.runPromise(train(whole, "adaspec, kl", { steps: 10 }))
  const checkpoint = { directory, identity: "a", everySeconds: 3600 }
  const first = await fresh()
  let stop: (() => void) | undefined
  const fiber = Effect.runFork(
    train(first, "adaspec, kl", {
      ...{ steps: 10, checkpoint },
      onEvent: (e) => e._tag === "step" && e.step === 4 && stop!(),
    }),
  )
  stop = () => Effect.runFork(Fiber.interrupt(fiber))
  await Effect.runPromise(Fiber.await(fiber))
  const rest = await fresh()
  await Effect.runPromise(train(rest, "adaspec, kl", { steps: 10, checkpoint }))
  expect(bits(rest)).toEqual(bits(whole))
  expect(bits(first)).not.toEqual(bits(whole))
  for (const draft of [whole, first, rest]) draft.dispose()
})
