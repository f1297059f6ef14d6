/** Packed rows give the losses, statistics, weights and gradients of padded rows, for every kind of model and signal. */
import { afterAll, describe, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  type Attends,
  armLayer,
  type Draft,
  type Encoder,
  everyToken,
  type FilterInstance,
  type LossInstance,
  type ModelUse,
  nextToken,
  packedRows,
} from "@winnow/core"
import { type Batch, batches } from "@winnow/data"
import { adaspec } from "@winnow/filter-adaspec"
import { blockWeight } from "@winnow/filter-block-weight"
import { focusFinetune } from "@winnow/filter-focus-finetune"
import { random } from "@winnow/filter-random"
import { medusa } from "@winnow/head-medusa"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { kl } from "@winnow/loss-kl"
import { tvdPlusPlus } from "@winnow/loss-tvd-plus-plus"
import { gemma2 } from "@winnow/model-gemma2"
import { gemma3 } from "@winnow/model-gemma3"
import { gptNeox } from "@winnow/model-gpt-neox"
import { gpt2 } from "@winnow/model-gpt2"
import { llama } from "@winnow/model-llama"
import { mistral } from "@winnow/model-mistral"
import { modernbert } from "@winnow/model-modernbert"
import { initialise, initialiseHead } from "@winnow/models"
import { masked } from "@winnow/objective-masked"
import { tf, withoutNative } from "@winnow/tensor"
import { Effect } from "effect"
import { type Parts, withHead } from "./fixture.ts"
import { keptWeights, type MicroResult, runMicroBatch } from "./micro-batch.ts"
import { optimizerOptions } from "./schedule.ts"
import { type CachedSignals, cachedReference, cachedTarget } from "./signals/cached.ts"
import { instanceOf, tinyExamples, V } from "./signals/fixture.ts"
import type { CachedForm } from "./signals/forms.ts"
import { makeReferenceSignals, makeTargetSignals } from "./signals/make.ts"
import { openSignals } from "./signals/read.ts"
import { trainStage } from "./train-stage.ts"

// Rows of packed sequences are longer than the models' positions.
const sizes = {
  ...{ vocab_size: V, hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2 },
  ...{ max_position_embeddings: 16, initializer_range: 0.4 },
}
const families: Readonly<Record<string, ModelUse<Attends>>> = {
  "llama, rotary": llama({ ...sizes, intermediate_size: 24 }),
  "gpt-neox, half of a head rotated": gptNeox({ ...sizes, rotary_pct: 0.5 }),
  "gpt2, learned positions": gpt2({
    ...{ vocab_size: V, n_embd: 16, n_layer: 2, n_head: 2, n_positions: 16, initializer_range: 0.4 },
  }),
  "mistral, a window of 4": mistral({ ...sizes, sliding_window: 4 }),
  "gemma3, a window of 4 in one layer": gemma3({
    ...{ ...sizes, query_pre_attn_scalar: 8, sliding_window: 4, sliding_window_pattern: 2 },
  }),
  "gemma2, caps, a window of 4 in one layer": gemma2({
    ...{ ...sizes, query_pre_attn_scalar: 2, sliding_window: 4 },
    ...{ attn_logit_softcapping: 0.7, final_logit_softcapping: 2 },
  }),
  "modernbert, both ways, a window": modernbert({
    ...{ ...sizes, num_hidden_layers: 3, intermediate_size: 20, local_attention: 6 },
  }),
}
const models: Array<{ readonly dispose: () => void }> = []
const modelOf = async (use: ModelUse<Attends>, seed: number): Promise<Encoder> => {
  const model = initialise(await instanceOf(use), seed)
  models.push(model)
  return model
}
const llamaOf = (seed: number) => modelOf(families["llama, rotary"]!, seed)
const folder = mkdtempSync(join(tmpdir(), "winnow-packed-"))
afterAll(() => {
  for (const model of models) model.dispose()
  rmSync(folder, { recursive: true, force: true })
})

const examples = tinyExamples(23)
const [filterOfAll, crossEntropyLoss, klLoss] = [
  await instanceOf(everyToken()),
  await instanceOf(crossEntropy()),
  await instanceOf(kl()),
]

const partsOf = (batch: Batch, draft: Draft, more: Partial<Parts> = {}): Parts => ({
  ...{ batch, draft, filter: filterOfAll, loss: crossEntropyLoss, step: 3, steps: 10, seed: 7, micro: 0 },
  ...{ chunkRows: 5, divide: true },
  ...more,
})

/** Sums in another order: the bound of losses and statistics, and of gradients over the largest of each parameter. */
const near = 1e-5

const expectSame = (found: MicroResult, expected: MicroResult) => {
  expect(found.lossSum / found.denominator / (expected.lossSum / expected.denominator)).toBeCloseTo(1, 5)
  expect([found.N, found.kept, found.tokens]).toEqual([expected.N, expected.kept, expected.tokens])
  for (const [name, values] of Object.entries({ ...expected.statistics, weights: expected.weights_N })) {
    const own = name === "weights" ? found.weights_N : found.statistics[name as keyof MicroResult["statistics"]]!
    for (const [n, x] of values.entries()) expect(Math.abs(own[n]! - x), name).toBeLessThan(near * (1 + Math.abs(x)))
  }
  expect(Object.keys(found.gradients)).toEqual(Object.keys(expected.gradients))
  for (const [name, gradient] of Object.entries(expected.gradients)) {
    const [a, b] = [found.gradients[name]!.dataSync(), gradient.dataSync()] as [Float32Array, Float32Array]
    const largest = b.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-3)
    const far = b.reduce((most, x, i) => Math.max(most, Math.abs(a[i]! - x)), 0)
    expect(far / largest, name).toBeLessThan(near)
  }
}

/** Compares the micro-batch of padded rows with that of packed ones, which have fewer positions. */
const compare = (parts: Parts, path: <T>(run: () => T) => T) => {
  const before = tf.memory().numTensors
  const batch: Batch = { ...packedRows(parts.batch, 0), example_B: parts.batch.example_B }
  expect(batch.B).toBeLessThan(parts.batch.B)
  expect(batch.B * batch.T).toBeLessThan(0.8 * parts.batch.B * parts.batch.T)
  const [padded, packed] = [parts, { ...parts, batch }].map((of) => path(() => runMicroBatch(withHead(of))))
  expectSame(packed!, padded!)
  tf.dispose([padded!.gradients, packed!.gradients])
  expect(tf.memory().numTensors).toBe(before)
}

const batch = batches(examples, { batchSize: 8, seed: 4, bucket: 1 }).batch(1)
const paths = { native: <T>(run: () => T): T => run(), "plain ops": withoutNative }

for (const [path, by] of Object.entries(paths))
  describe(path, () => {
    for (const [name, use] of Object.entries(families))
      test(`${name}: the same loss and gradients`, async () => {
        const draft = await modelOf(use, 1)
        if (draft.architecture.attends === "before") return compare(partsOf(batch, draft), by)
        const objective = {
          ...{ instance: await instanceOf(masked({ maskId: V - 1, rate: 0.4 })), vocabularySize: V },
          ...{ steps: 10, microBatches: 1 },
        }
        compare(partsOf(batches(examples, { batchSize: 8, seed: 4, bucket: 1, objective }).batch(1), draft), by)
      })

    const filters: Readonly<Record<string, Promise<FilterInstance>>> = {
      adaspec: instanceOf(adaspec({ k: 0.4 })),
      "focus-finetune": instanceOf(focusFinetune()),
      "random, with its own draws": instanceOf(random({ k: 0.3 })),
      "block-weight, by sequence": instanceOf(blockWeight({})),
    }
    for (const [name, filter] of Object.entries(filters))
      test(`${name}: the same statistics and weights, of live models`, async () => {
        const [draft, target, reference] = [await llamaOf(1), await llamaOf(2), await llamaOf(3)]
        const losses: ReadonlyArray<LossInstance> = [klLoss, await instanceOf(tvdPlusPlus())]
        for (const loss of losses) compare(partsOf(batch, draft, { filter: await filter, loss, target, reference }), by)
      })

    const forms: ReadonlyArray<CachedForm> = ["hidden", "full", { topK: 6 }, { samples: 5, seed: 1 }]
    for (const form of forms)
      test(`${JSON.stringify(form)} from a cache, with the reference's losses`, async () => {
        const [draft, target, reference] = [await llamaOf(1), await llamaOf(2), await llamaOf(3)]
        const making = { identity: { weights: "a" }, examples, chunkRows: 7, batchTokens: 40 }
        const open = (directory: string) => openSignals(directory, making.identity, examples)
        const at = (name: string) => join(folder, `${path} ${JSON.stringify(form)} ${name}`)
        await Effect.runPromise(makeTargetSignals({ ...making, directory: at("target"), target, form }))
        const ofTarget = cachedTarget(open(at("target")), form)
        const filter = await instanceOf(adaspec({ k: 0.4 }))
        const more = {
          reference,
          statistics: ["referenceLoss_N"],
          loss: klLoss,
          signals: { target: ofTarget },
        } as const
        await Effect.runPromise(makeReferenceSignals({ ...making, ...more, directory: at("reference") }))
        const signals: CachedSignals = {
          target: ofTarget,
          reference: cachedReference(open(at("reference")), more.statistics),
        }
        compare(partsOf(batch, draft, { filter, loss: klLoss, signals }), by)
        ofTarget.dispose()
      })

    test("a head on the target's hidden states", async () => {
      const target = await llamaOf(2)
      const head = initialiseHead(await instanceOf(medusa({ heads: 1 })), target, 3)
      compare(partsOf(batch, head, { loss: klLoss, target }), by)
      head.dispose()
    })
  })

test("the tokens that a filter would keep are those of padded rows", async () => {
  const [draft, target, reference] = [await llamaOf(1), await llamaOf(2), await llamaOf(3)]
  const filter = await instanceOf(adaspec({ k: 0.4 }))
  const parts = withHead(partsOf(batch, draft, { filter, loss: klLoss, target, reference }))
  const packed: Batch = { ...packedRows(batch, 0), example_B: batch.example_B }
  expect(keptWeights({ ...parts, batch: packed })).toEqual(keptWeights(parts))
})

test("a stage on packed rows ends near the weights of padded rows, with the same counts", async () => {
  const train = async (rows: "padded" | "packed") => {
    const model = await llamaOf(5)
    const summary = await Effect.runPromise(
      trainStage({
        ...{ stage: rows, model, batches: batches(examples, { batchSize: 8, seed: 1, bucket: 1, rows }), steps: 10 },
        ...{ microBatches: 2, optimizer: optimizerOptions.assert({ learningRate: 0.01, warmup: 3 }), seed: 5 },
      }).pipe(Effect.provide(armLayer(everyToken(), nextToken()))),
    )
    const { seconds: _, finalLoss, positions, ...counts } = summary
    return {
      finalLoss,
      positions: positions!,
      counts,
      weights: [...model.parameters.values()].flatMap((p) => [...p.dataSync()]),
    }
  }
  const [padded, packed] = [await train("padded"), await train("packed")]
  expect(packed.counts).toEqual(padded.counts)
  expect(packed.positions).toBeGreaterThanOrEqual(packed.counts.tokensSeen)
  expect(packed.positions).toBeLessThan(0.8 * padded.positions)
  expect(packed.finalLoss).toBeCloseTo(padded.finalLoss, 3)
  const far = packed.weights.reduce((most, w, i) => Math.max(most, Math.abs(w - padded.weights[i]!)), 0)
  expect(far).toBeLessThan(2e-3)
  expect(far).toBeGreaterThan(0) // other rows were computed
})
