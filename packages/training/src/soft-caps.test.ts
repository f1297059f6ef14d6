/** Models with soft caps of scores and logits: every form of the head, and every signal, has the numbers of the dense slow step. */
import { afterAll, describe, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Decoder, everyToken, type FilterInstance, type LossInstance } from "@winnow/core"
import { batches } from "@winnow/data"
import { adaspec } from "@winnow/filter-adaspec"
import { medusa } from "@winnow/head-medusa"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { jsd } from "@winnow/loss-jsd"
import { kl } from "@winnow/loss-kl"
import { tvd } from "@winnow/loss-tvd"
import { tvdPlusPlus } from "@winnow/loss-tvd-plus-plus"
import { gemma2 } from "@winnow/model-gemma2"
import { initialise, initialiseHead, modelOfIds } from "@winnow/models"
import { tf, withoutNative } from "@winnow/tensor"
import { Effect } from "effect"
import { runDenseMicroBatch } from "./dense.ts"
import { type Parts, withHead } from "./fixture.ts"
import { type MicroResult, runMicroBatch } from "./micro-batch.ts"
import { cachedTarget } from "./signals/cached.ts"
import { instanceOf, tinyExamples, V } from "./signals/fixture.ts"
import type { CachedForm } from "./signals/forms.ts"
import { makeTargetSignals } from "./signals/make.ts"
import { openSignals } from "./signals/read.ts"

/** Weights this large give scores and logits beyond their caps. */
const sizes = {
  ...{ vocab_size: V, hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2, query_pre_attn_scalar: 1 },
  ...{ max_position_embeddings: 32, initializer_range: 0.5, sliding_window: 4 },
}
const modelOf = async (scores: number, logits: number, seed: number): Promise<Decoder> =>
  initialise(
    await instanceOf(gemma2({ ...sizes, attn_logit_softcapping: scores, final_logit_softcapping: logits })),
    seed,
  ) as Decoder
const [draft, target, reference] = [await modelOf(0.7, 2, 1), await modelOf(1.5, 3, 2), await modelOf(3, 1.5, 3)]
const folder = mkdtempSync(join(tmpdir(), "winnow-caps-"))
afterAll(() => {
  for (const model of [draft, target, reference]) model.dispose()
  rmSync(folder, { recursive: true, force: true })
})

const examples = tinyExamples(23)
const batch = batches(examples, { batchSize: 8, seed: 4, bucket: 1 }).batch(1)
const filter: FilterInstance = await instanceOf(adaspec({ k: 0.4 }))
const everyTokenFilter = await instanceOf(everyToken())
const partsOf = (loss: LossInstance, more: Partial<Parts>): Parts => ({
  ...{
    batch,
    draft,
    filter,
    loss,
    target,
    reference,
    step: 3,
    steps: 10,
    seed: 7,
    micro: 0,
    chunkRows: 5,
    divide: true,
  },
  ...more,
})

const expectNear = (found: MicroResult, expected: MicroResult, near = 2e-4) => {
  expect(Math.abs(found.lossSum / expected.lossSum - 1)).toBeLessThan(near)
  expect([found.N, found.kept]).toEqual([expected.N, expected.kept])
  for (const [name, values] of Object.entries(expected.statistics))
    for (const [n, x] of values.entries())
      expect(Math.abs(found.statistics[name as "draftLoss_N"]![n]! - x), name).toBeLessThan(near * (1 + Math.abs(x)))
  expect(Object.keys(found.gradients)).toEqual(Object.keys(expected.gradients))
  for (const [name, gradient] of Object.entries(expected.gradients)) {
    const [a, b] = [found.gradients[name]!.dataSync(), gradient.dataSync()] as [Float32Array, Float32Array]
    const largest = b.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-3)
    const far = b.reduce((most, x, i) => Math.max(most, Math.abs(a[i]! - x)), 0)
    expect(far / largest, name).toBeLessThan(near)
  }
}

/** The fast forms against the dense step, whose logits are capped by TFJS's own ops and differentiated by it. */
const compare = (parts: Parts, dense = parts) => {
  const before = tf.memory().numTensors
  const expected = runDenseMicroBatch(withHead(dense))
  for (const found of [runMicroBatch(withHead(parts)), withoutNative(() => runMicroBatch(withHead(parts)))]) {
    expectNear(found, expected)
    tf.dispose(found.gradients)
  }
  tf.dispose(expected.gradients)
  expect(tf.memory().numTensors).toBe(before)
}

const losses: Readonly<Record<string, LossInstance>> = {
  kl: await instanceOf(kl()),
  "kl at temperature 2": await instanceOf(kl({ temperature: 2, timesTemperatureSquared: true })),
  "cross-entropy": await instanceOf(crossEntropy()),
  jsd: await instanceOf(jsd()),
  tvd: await instanceOf(tvd()),
  "tvd++": await instanceOf(tvdPlusPlus()),
}

describe("a draft, a target and a reference with caps of their own", () => {
  for (const [name, loss] of Object.entries(losses)) test(name, () => compare(partsOf(loss, {})))

  test("a draft with a smaller vocabulary", async () => {
    const few = modelOfIds(
      draft,
      Int32Array.from({ length: 12 }, (_, i) => 2 * i),
    )
    expect(few.architecture.logitCap).toBe(2)
    compare(partsOf(losses["kl"]!, { draft: few }))
    few.dispose()
  })

  test("a head on the target has no cap of its own", async () => {
    const head = initialiseHead(await instanceOf(medusa({ heads: 1 })), target, 3)
    compare(partsOf(losses["kl"]!, { draft: head, reference: undefined, filter: everyTokenFilter }))
    head.dispose()
  })

  const forms: ReadonlyArray<CachedForm> = ["hidden", "full", { topK: V }]
  for (const form of forms)
    test(`the target from a cache: ${JSON.stringify(form)}`, async () => {
      const making = { identity: { weights: "a" }, examples, chunkRows: 7, batchTokens: 40 }
      const directory = join(folder, JSON.stringify(form))
      await Effect.runPromise(makeTargetSignals({ ...making, directory, target, form }))
      const signals = { target: cachedTarget(openSignals(directory, making.identity, examples), form) }
      const parts = partsOf(losses["kl"]!, { signals, reference: undefined, filter: everyTokenFilter })
      const expected = runDenseMicroBatch(withHead({ ...parts, signals: undefined, target }))
      const found = runMicroBatch(withHead({ ...parts, target: undefined }))
      // hidden states are kept in bfloat16
      expectNear(found, expected, form === "hidden" ? 3e-2 : 2e-4)
      tf.dispose([found.gradients, expected.gradients])
      signals.target.dispose()
    })
})
