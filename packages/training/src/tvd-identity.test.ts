/**
 * Exact TVD++ is TVD up to scale, in whole trainings: with the scale taken out both end with one model.
 *
 * Letters: N valid rows of a batch, V vocabulary.
 */
import { afterAll, describe, expect, test } from "bun:test"
import { armLayer, type Decoder, defineLoss, everyToken, type LossUse, type Target } from "@winnow/core"
import { batches } from "@winnow/data"
import { none } from "@winnow/filter-none"
import { kl } from "@winnow/loss-kl"
import { tvd } from "@winnow/loss-tvd"
import { tvdPlusPlus } from "@winnow/loss-tvd-plus-plus"
import { llama } from "@winnow/model-llama"
import { initialise } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { Effect, Layer } from "effect"
import { withHead } from "./fixture.ts"
import { modelRows } from "./measured-rows.ts"
import { runMicroBatch } from "./micro-batch.ts"
import { frozenTarget } from "./reference.ts"
import { type OptimizerInput, optimizerOptions } from "./schedule.ts"
import { trainStage } from "./train-stage.ts"

const V = 31
// A wide initialisation, so that draft and target differ.
const sizes = { vocab_size: V, max_position_embeddings: 32, initializer_range: 0.4, num_attention_heads: 2 }
const small = await Effect.runPromise(
  llama({ ...sizes, hidden_size: 16, num_hidden_layers: 1, intermediate_size: 24 }).instance,
)
const large = await Effect.runPromise(
  llama({ ...sizes, hidden_size: 24, num_hidden_layers: 2, intermediate_size: 40 }).instance,
)
const target = initialise(large, 1)
afterAll(() => target.dispose())

const rng = seeded(3, "examples")
const examples = Array.from({ length: 24 }, () => ({
  ids: Int32Array.from({ length: 6 + rng.below(6) }, () => rng.below(V)),
  promptLength: 2,
}))
const source = batches(examples, { batchSize: 8, seed: 1 })
const steps = 60

type Weights = ReadonlyMap<string, Float32Array>
const weightsOf = (model: Decoder): Weights =>
  new Map([...model.trained].map(([name, of]) => [name, of.dataSync() as Float32Array]))
/** Euclidean distance of two models. */
const apart = (a: Weights, b: Weights): number =>
  Math.sqrt([...a].reduce((sum, [name, x]) => x.reduce((s, w, i) => s + (w - b.get(name)![i]!) ** 2, sum), 0))

const before = (() => {
  const model = initialise(small, 2)
  const weights = weightsOf(model)
  model.dispose()
  return weights
})()

type OfTarget = LossUse<Target>

/** The definition's sigma of a batch in plain operations: the deviation of 1{p > q} under the draft, plus 1e-5. */
const sigmaOf = (draft: Decoder, batch: ReturnType<typeof source.batch>): number => {
  const [mu] = tf.tidy(() => {
    const [q_NV, p_NV] = [draft, target].map((model) => {
      const { h_Md, head_Vd } = modelRows(model, batch)
      return tf.softmax(tf.matMul(h_Md, head_Vd as tf.Tensor2D, false, true))
    })
    return tf.mean(tf.sum(tf.mul(q_NV!, tf.cast(tf.greater(p_NV!, q_NV!), "float32")), 1)).dataSync()
  })
  return Math.sqrt(mu! * (1 - mu!)) + 1e-5
}

/** Plain gradient descent: w - rate g, with a rate for each step. */
const descended = async (use: OfTarget, rateOf: (draft: Decoder, batch: ReturnType<typeof source.batch>) => number) => {
  const draft = initialise(small, 2)
  const filter = await Effect.runPromise(everyToken().instance)
  const loss = await Effect.runPromise(use.instance)
  for (let step = 0; step < steps; step++) {
    const batch = source.batch(step)
    const rate = rateOf(draft, batch)
    const { gradients } = runMicroBatch(
      withHead({ batch, draft, target, filter, loss, step, steps, seed: 5, micro: 0, divide: true }),
    )
    tf.tidy(() => {
      for (const [name, gradient] of Object.entries(gradients)) {
        const w = draft.trained.get(name)!
        w.assign(tf.sub(w, tf.mul(gradient, rate)))
      }
    })
    tf.dispose(gradients)
  }
  const weights = weightsOf(draft)
  draft.dispose()
  return weights
}

/** A training stage with AdamW, as an arm runs it. */
const trained = async (use: OfTarget, optimizer: OptimizerInput) => {
  const draft = initialise(small, 2)
  const arm = armLayer(none(), use).pipe(Layer.provide(frozenTarget(target)))
  const options = optimizerOptions.assert({ learningRate: 3e-3, warmup: 5, ...optimizer })
  await Effect.runPromise(
    trainStage({ stage: "test", model: draft, batches: source, steps, optimizer: options, seed: 5 }).pipe(
      Effect.provide(arm),
    ),
  )
  const weights = weightsOf(draft)
  draft.dispose()
  return weights
}

describe("gradient descent", () => {
  const rate = 0.3

  test("TVD++ at sigma times the rate takes the steps of TVD; KL, and TVD++ at TVD's own rate, do not", async () => {
    const tensors = tf.memory().numTensors
    const sigmas: Array<number> = []
    const ofTvd = await descended(tvd(), () => rate)
    const travelled = apart(ofTvd, before)
    const matched = await descended(tvdPlusPlus(), (draft, batch) => {
      sigmas.push(sigmaOf(draft, batch))
      return rate * sigmas.at(-1)!
    })
    expect(travelled).toBeGreaterThan(0.5)
    expect(apart(matched, ofTvd)).toBeLessThan(1e-3 * travelled)
    // A match by the mean of sigma is less exact: sigma is of each batch.
    expect(Math.max(...sigmas) - Math.min(...sigmas)).toBeGreaterThan(0.01)
    for (const [use, rateOf] of [
      [tvdPlusPlus(), rate],
      [tvdPlusPlus({ expectation: "sampled" }), rate * 0.45],
      [kl(), rate],
    ] as const)
      expect(apart(await descended(use, () => rateOf), ofTvd)).toBeGreaterThan(0.2 * travelled)
    expect(tf.memory().numTensors).toBe(tensors)
  })
})

/** TVD times a constant, differentiated by TFJS. */
const scaledTvd = defineLoss({
  name: "scaled-tvd",
  target: true,
  options: type({ "+": "reject" }),
  make: () => ({
    value: ({ draft, target }) => tf.mul(tf.sum(tf.abs(tf.sub(draft.p_RV(), target.p_RV())), 1), 1.1) as tf.Tensor1D,
  }),
})

describe("AdamW", () => {
  test("without clipping a constant scale changes nothing, and that of TVD++ little, as its sigma hardly moves", async () => {
    const free = { clip: null } as const
    const ofTvd = await trained(tvd(), free)
    const travelled = apart(ofTvd, before)
    const off = async (use: OfTarget, optimizer: OptimizerInput = free) =>
      apart(await trained(use, optimizer), ofTvd) / travelled
    expect(travelled).toBeGreaterThan(0.5)
    expect(await off(scaledTvd())).toBeLessThan(1e-3)
    const exact = await off(tvdPlusPlus())
    expect(exact).toBeLessThan(0.1)
    // A rate that is a third higher moves the end more than sigma does; other readings and losses end far away.
    expect(await off(tvdPlusPlus(), { ...free, learningRate: 4e-3 })).toBeGreaterThan(2 * exact)
    for (const use of [tvdPlusPlus({ expectation: "sampled" }), tvdPlusPlus({ expectation: "uniform" }), kl()])
      expect(await off(use)).toBeGreaterThan(0.5)
  })
})
