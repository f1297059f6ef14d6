/** Sources with losses of their own: the gradient of a mixed batch is that of each source by its share of the tokens. */
import { afterAll, describe, expect, test } from "bun:test"
import {
  type Draft,
  type Encoder,
  everyToken,
  filterLayer,
  type LossInstance,
  lossLayer,
  packedRows,
} from "@winnow/core"
import { type Batch, batches, collate } from "@winnow/data"
import { adaspec } from "@winnow/filter-adaspec"
import { medusa } from "@winnow/head-medusa"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { kl } from "@winnow/loss-kl"
import { tvdPlusPlus } from "@winnow/loss-tvd-plus-plus"
import { llama } from "@winnow/model-llama"
import { initialise, initialiseHead } from "@winnow/models"
import { tf, withoutNative } from "@winnow/tensor"
import { Effect, Layer } from "effect"
import { runDenseMicroBatch } from "./dense.ts"
import { type Parts, withHead } from "./fixture.ts"
import { headFor } from "./head/head.ts"
import { type MicroBatch, type MicroResult, runMicroBatch } from "./micro-batch.ts"
import { optimizerOptions } from "./schedule.ts"
import { instanceOf, tinyExamples, V } from "./signals/fixture.ts"
import type { SourceLosses } from "./sources.ts"
import { trainStage } from "./train-stage.ts"

const sizes = {
  ...{ vocab_size: V, hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 24 },
  ...{ max_position_embeddings: 16, initializer_range: 0.4 },
}
const modelOf = async (seed: number): Promise<Encoder> => initialise(await instanceOf(llama(sizes)), seed)
const [draft, target, reference] = [await modelOf(1), await modelOf(2), await modelOf(3)]
const head = initialiseHead(await instanceOf(medusa({ heads: 2 })), target, 4)
afterAll(() => {
  for (const model of [draft, target, reference, head]) model.dispose()
})

const [every, distils, predicts, rewards] = [
  await instanceOf(everyToken()),
  await instanceOf(kl()),
  await instanceOf(crossEntropy()),
  await instanceOf(tvdPlusPlus()),
]
const examples = tinyExamples(12)
/** Examples 0 to 7 are of source 0, which has the stage's loss; 8 to 11 of source 1. */
const source_E = Int32Array.from(examples, (_, e) => (e < 8 ? 0 : 1))
const batchOf = (numbers: ReadonlyArray<number>): Batch =>
  collate(
    numbers.map((e) => examples[e]!),
    0,
    Int32Array.from(numbers),
  )
const first = [0, 2, 5, 3, 7]
const second = [8, 11, 9]
const together = [8, 0, 2, 11, 5, 3, 9, 7]

const partsOf = (batch: Batch, loss: LossInstance, of: Draft = draft): Parts => ({
  ...{ batch, draft: of, target, filter: every, loss, step: 3, steps: 10, seed: 7, micro: 0 },
  ...{ chunkRows: 5, divide: true },
})
const withSources = (parts: Parts, own: LossInstance): MicroBatch => ({
  ...withHead(parts),
  sources: { source_E, heads: [undefined, headFor({ filter: { needs: [] }, loss: own, chunkRows: 5 })] },
})

/** Compares a mixed batch with its two sources alone, each with its loss, added by their shares of the weights. */
const expectSum = (mixed: MicroResult, a: MicroResult, b: MicroResult) => {
  const all = a.denominator + b.denominator
  expect([mixed.N, mixed.kept, mixed.denominator]).toEqual([a.N + b.N, a.kept + b.kept, all])
  expect(mixed.lossSum).toBeCloseTo(a.lossSum + b.lossSum, 3)
  for (const [name, gradient] of Object.entries(mixed.gradients)) {
    const [x, y, z] = [gradient, a.gradients[name]!, b.gradients[name]!].map((g) => g.dataSync() as Float32Array)
    const expected = y!.map((value, i) => (a.denominator * value + b.denominator * z![i]!) / all)
    const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3)
    const farthest = expected.reduce((most, value, i) => Math.max(most, Math.abs(x![i]! - value)), 0)
    expect(farthest / largest, name).toBeLessThan(2e-5)
  }
  tf.dispose([mixed.gradients, a.gradients, b.gradients])
}

const paths = { native: <T>(run: () => T) => run(), plain: withoutNative }
const pairs = {
  "KL, and the next token": [distils, predicts],
  "a loss of the batch, and the next token": [rewards, predicts],
  "the next token, and KL": [predicts, distils],
} as const

describe.each(Object.entries(paths))("%s", (_, path) => {
  test.each(Object.entries(pairs))("%s: the gradient is the sum by shares, padded and packed", (_, [loss, own]) => {
    const before = tf.memory().numTensors
    for (const rows of ["padded", "packed"] as const) {
      const of = (numbers: ReadonlyArray<number>): Batch => {
        const batch = batchOf(numbers)
        return rows === "padded" ? batch : { ...packedRows(batch, 0), example_B: batch.example_B }
      }
      path(() =>
        expectSum(
          runMicroBatch(withSources(partsOf(of(together), loss), own)),
          runMicroBatch(withHead(partsOf(of(first), loss))),
          runMicroBatch(withHead(partsOf(of(second), own))),
        ),
      )
    }
    expect(tf.memory().numTensors).toBe(before)
  })

  test("the plain form of the step has the same gradient", () => {
    for (const [loss, own] of Object.values(pairs)) {
      const input = path(() => withSources(partsOf(batchOf(together), loss), own))
      const [fast, dense] = [path(() => runMicroBatch(input)), runDenseMicroBatch(input)]
      expect(fast.lossSum / dense.lossSum).toBeCloseTo(1, 4)
      for (const [name, gradient] of Object.entries(dense.gradients)) {
        const [x, y] = [fast.gradients[name]!, gradient].map((g) => g.dataSync() as Float32Array)
        const largest = y!.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3)
        const farthest = y!.reduce((most, value, i) => Math.max(most, Math.abs(x![i]! - value)), 0)
        expect(farthest / largest, name).toBeLessThan(1e-4)
      }
      tf.dispose([fast.gradients, dense.gradients])
    }
  })

  test("a batch of one source alone has its loss; each entry of a head has the losses of its rows", () => {
    path(() => {
      const [own, alone] = [
        runMicroBatch(withSources(partsOf(batchOf(second), distils), predicts)),
        runMicroBatch(withHead(partsOf(batchOf(second), predicts))),
      ]
      expect(own.lossSum).toBe(alone.lossSum)
      tf.dispose([own.gradients, alone.gradients])
      expectSum(
        runMicroBatch(withSources(partsOf(batchOf(together), distils, head), predicts)),
        runMicroBatch(withHead(partsOf(batchOf(first), distils, head))),
        runMicroBatch(withHead(partsOf(batchOf(second), predicts, head))),
      )
    })
  })
})

test("a filter reads the stage's loss on every row, whatever the row's own loss is", async () => {
  const filter = await instanceOf(adaspec({ k: 0.5 }))
  const parts = { ...partsOf(batchOf(together), distils), reference, filter }
  const [plain, own] = [runMicroBatch(withHead(parts)), runMicroBatch(withSources(parts, predicts))]
  expect(own.statistics).toEqual(plain.statistics)
  expect(own.weights_N).toEqual(plain.weights_N)
  expect(own.lossSum).not.toBe(plain.lossSum)
  tf.dispose([plain.gradients, own.gradients])
})

test("a stage trains by the losses of its sources; the draft writes no text beside them", async () => {
  const losses = (own: LossInstance): SourceLosses => ({
    source_E,
    losses: [undefined, { ...own, models: {} }],
  })
  const trained = async (own: LossInstance | undefined, more: object = {}) => {
    const model = await modelOf(5)
    const summary = await Effect.runPromise(
      Effect.result(
        trainStage({
          ...{ stage: "mixed", model, batches: batches(examples, { batchSize: 4, seed: 1 }), steps: 3, seed: 5 },
          optimizer: optimizerOptions.assert({ learningRate: 0.01, warmup: 0 }),
          sources: own && losses(own),
          ...more,
        }).pipe(Effect.provide(Layer.merge(filterLayer(everyToken()), lossLayer(crossEntropy())))),
      ),
    )
    const values = [...model.parameters.values()].map((p) => Array.from(p.dataSync()))
    model.dispose()
    return { summary, values }
  }
  const [none, same] = [await trained(undefined), await trained(predicts)]
  expect(none.summary._tag).toBe("Success")
  // Two passes over the head add in another order.
  const differences = none.values.flatMap((of, p) => of.map((x, i) => Math.abs(same.values[p]![i]! - x)))
  expect(differences.reduce((a, b) => Math.max(a, b))).toBeLessThan(1e-4)
  const ownText = { share: 1, maxLength: 12, seed: 0, writing: { maxNew: 4, eosId: 1, temperature: 0 } }
  const { summary } = await trained(predicts, { ownText })
  expect(String(JSON.stringify(summary))).toContain("sources have no losses of their own")
})
