/**
 * An encoder in the training step: padding is not part of a sequence, and it learns the masked objective in 200 steps.
 */
import { afterAll, expect, test } from "bun:test"
import { armLayer, type Draft, decode, type Encoder, everyToken, nextToken, type Problem } from "@winnow/core"
import { type Batch, batches } from "@winnow/data"
import { medusa } from "@winnow/head-medusa"
import { kl } from "@winnow/loss-kl"
import { initialise, initialiseHead } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { masked } from "@winnow/objective-masked"
import { AdamW, tf, withoutNative } from "@winnow/tensor"
import { bothWays, instanceOf, oneWay } from "@winnow/testing"
import { Effect } from "effect"
import { runDenseMicroBatch } from "./dense.ts"
import { type Parts, withHead } from "./fixture.ts"
import { headFor } from "./head/head.ts"
import { type MicroResult, runMicroBatch } from "./micro-batch.ts"
import { oneStep, type StageSetting } from "./one-step.ts"
import { optimizerOptions } from "./schedule.ts"
import { trainStage } from "./train-stage.ts"

const V = 14
const sizes = { vocab_size: V, width: 16, depth: 2, heads: 2, length: 16 }
const architecture = await instanceOf(bothWays(sizes))
const [draft, target] = [initialise(architecture, 1), initialise(architecture, 2)]
const [filter, loss, crossEntropy] = [
  await instanceOf(everyToken()),
  await instanceOf(kl()),
  await instanceOf(nextToken()),
]
afterAll(() => tf.dispose([...draft.parameters.values(), ...target.parameters.values()]))

/** Words of these lengths with every other letter masked. */
const problemOf = (lengths: ReadonlyArray<number>, seed: number): Batch => {
  const [B, T] = [lengths.length, Math.max(...lengths)]
  const ids_BT = new Int32Array(B * T).fill(V - 1)
  const rows: Array<{ b: number; t: number; gold: number }> = []
  for (const [b, length] of lengths.entries()) {
    const rng = seeded(seed, "letters", b)
    for (let t = 0; t < length; t++) {
      const gold = rng.below(12)
      ids_BT[b * T + t] = t % 2 === 0 ? 12 : gold
      if (t % 2 === 0) rows.push({ b, t, gold })
    }
  }
  const of = (pick: (row: (typeof rows)[number]) => number) => Int32Array.from(rows, pick)
  const problem: Problem = {
    ...{ B, T, ids_BT, length_B: Int32Array.from(lengths), tokens: lengths.reduce((a, b) => a + b, 0) },
    ...{ row_N: of(({ b, t }) => b * T + t), gold_N: of(({ gold }) => gold) },
    ...{ sequence_N: of(({ b }) => b), position_N: of(({ t }) => t) },
  }
  return { ...problem, example_B: Int32Array.from(lengths.keys()) }
}

/** The part of a batch that is one of its sequences, without padding. */
const alone = (batch: Batch, b: number): Batch => {
  const T = batch.length_B[b]!
  const at = [...batch.sequence_N.keys()].filter((n) => batch.sequence_N[n] === b)
  const take = (of: Int32Array) => Int32Array.from(at, (n) => of[n]!)
  return {
    ...{ B: 1, T, ids_BT: batch.ids_BT.slice(b * batch.T, b * batch.T + T), length_B: Int32Array.of(T), tokens: T },
    ...{ row_N: take(batch.row_N).map((row) => row - b * batch.T), gold_N: take(batch.gold_N) },
    ...{ sequence_N: new Int32Array(at.length), position_N: take(batch.position_N), example_B: Int32Array.of(b) },
  }
}

const head = initialiseHead(await instanceOf(medusa({ heads: 1 })), target, 3)
afterAll(() => head.dispose())

const partsOf = (batch: Batch, trained: Draft): Parts => ({
  ...{ batch, draft: trained, target, reference: undefined, filter, loss, divide: false },
  ...{ step: 3, steps: 10, seed: 7, micro: 0, chunkRows: 5 },
})

const expectNear = (found: MicroResult["gradients"], expected: MicroResult["gradients"]) => {
  expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort())
  for (const [name, gradient] of Object.entries(expected)) {
    const [a, b] = [found[name]!.dataSync(), gradient.dataSync()] as [Float32Array, Float32Array]
    const largest = b.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-3)
    for (const [i, x] of b.entries()) expect(Math.abs(a[i]! - x) / largest, `${name}[${i}]`).toBeLessThan(2e-4)
  }
}

for (const [name, trained] of Object.entries({ "an encoder": draft, "a head on an encoder": head }))
  test(`${name}: padding changes neither loss nor gradients, in the step and in its plain form`, () => {
    const before = tf.memory().numTensors
    const batch = problemOf([11, 4, 7], 5)
    const together = runMicroBatch(withHead(partsOf(batch, trained)))
    const plain = withoutNative(() => runDenseMicroBatch(withHead(partsOf(batch, trained))))
    expect(together.lossSum).toBeCloseTo(plain.lossSum, 3)
    expectNear(together.gradients, plain.gradients)
    const apart = [0, 1, 2].map((b) => runMicroBatch(withHead(partsOf(alone(batch, b), trained))))
    expect(together.lossSum).toBeCloseTo(
      apart.reduce((sum, { lossSum }) => sum + lossSum, 0),
      3,
    )
    const names = Object.keys(together.gradients)
    const sums = tf.tidy(() =>
      Object.fromEntries(names.map((name) => [name, tf.addN(apart.map(({ gradients }) => gradients[name]!))])),
    )
    expectNear(together.gradients, sums)
    tf.dispose([sums, together.gradients, plain.gradients, ...apart.map(({ gradients }) => gradients)])
    expect(tf.memory().numTensors).toBe(before)
  })

/** Loss of the last 20 of 200 steps on words of one letter, 3 to 8 times: nats a masked letter. */
const trained = async (model: Encoder): Promise<number> => {
  const rng = seeded(3, "words")
  const examples = Array.from({ length: 256 }, () => {
    return { ids: new Int32Array(3 + rng.below(6)).fill(rng.below(12)), promptLength: 0 }
  })
  const objective = {
    ...{ instance: await instanceOf(masked({ maskId: 12, rate: 0.3, mask: 1, random: 0, keep: 0 })) },
    ...{ vocabularySize: V, steps: 200, microBatches: 1 },
  }
  const source = batches(examples, { batchSize: 32, seed: 1, objective })
  const optimizer = new AdamW(model.parameters, { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0 })
  const setting: StageSetting = {
    ...{ stage: "masked", model, target: undefined, reference: undefined, filter, batches: source, steps: 200 },
    head: headFor({ filter, loss: crossEntropy, chunkRows: 64 }),
    ...{ microBatches: 1, optimizer, seed: 2, hooks: {} },
    settings: {
      ...{ learningRate: 5e-3, warmup: 20, schedule: "constant", clip: 1, beta1: 0.9, beta2: 0.99 },
      ...{ epsilon: 1e-8, weightDecay: 0 },
    } as StageSetting["settings"],
  }
  let counters = { step: 0, loss: 0, tokensSeen: 0, tokensValid: 0, tokensTrained: 0, seconds: 0 }
  const losses: Array<number> = []
  for (let step = 0; step < 200; step++) {
    const done = oneStep(setting, counters)
    if ("refused" in done) throw new Error(done.refused)
    counters = done.counters
    losses.push(done.result.loss)
  }
  optimizer.dispose()
  model.dispose()
  return losses.slice(-20).reduce((a, b) => a + b, 0) / 20
}

test("200 steps of the masked objective: an encoder learns it, a decoder cannot see what follows", async () => {
  const before = tf.memory().numTensors
  const options = { ...sizes, width: 32, heads: 4, std: 0.1 }
  const encoder = await trained(initialise(await instanceOf(bothWays(options)), 3))
  const decoder = await trained(initialise(await instanceOf(oneWay(options)), 3))
  expect(encoder).toBeLessThan(0.1)
  // The first letters of a word have no context before them: chance is log 12 = 2.5.
  expect(decoder).toBeGreaterThan(0.3)
  expect(tf.memory().numTensors).toBe(before)
})

test("an encoder that would see the next token is refused before any step", async () => {
  const examples = [{ ids: Int32Array.of(1, 2, 3), promptLength: 0 }]
  const optimizer = Effect.runSync(decode("optimizer", optimizerOptions, {}))
  for (const model of [draft, head]) {
    const stage = trainStage({
      ...{ stage: "arm both", model, batches: batches(examples, { batchSize: 1, seed: 1 }) },
      ...{ steps: 1, optimizer, seed: 1 },
    }).pipe(Effect.provide(armLayer(everyToken(), nextToken())))
    expect((await Effect.runPromise(Effect.flip(stage))).message).toBe(
      "arm both: both_ways attends both ways, and each token is to be predicted from those before it: the model would see " +
        "it; take an objective that reads both ways, such as masked",
    )
  }
})
