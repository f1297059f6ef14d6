/** Heads on stored states of the target: the same losses, gradients and weights as with a pass of the target in each step. */
import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { armLayer, type EncodedExample, type HeadUse } from "@winnow/core"
import { batches } from "@winnow/data"
import { adaspec } from "@winnow/filter-adaspec"
import { none } from "@winnow/filter-none"
import { eagle } from "@winnow/head-eagle"
import { exit } from "@winnow/head-exit"
import { hydra } from "@winnow/head-hydra"
import { medusa } from "@winnow/head-medusa"
import { mlp, runningParity } from "@winnow/head-mlp"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { kl } from "@winnow/loss-kl"
import { llama } from "@winnow/model-llama"
import { phi } from "@winnow/model-phi"
import { initialise, initialiseHead } from "@winnow/models"
import { wholeText } from "@winnow/objective-whole-text"
import { tf } from "@winnow/tensor"
import { Effect, Layer } from "effect"
import { seenBy } from "../draft-entries.ts"
import { frozenReference, frozenTarget } from "../reference.ts"
import { optimizerOptions } from "../schedule.ts"
import { trainStage } from "../train-stage.ts"
import { readTokens } from "./covered.ts"
import { instanceOf, tinyExamples, tinyModel, V } from "./fixture.ts"
import { openSignals } from "./read.ts"
import { cachedStates, makeStates, type StatesForm, stateBytes, statesName } from "./states.ts"

const folder = mkdtempSync(join(tmpdir(), "winnow-states-"))
const size = { vocab_size: V, max_position_embeddings: 32, num_attention_heads: 2, initializer_range: 0.4 }
const target = initialise(
  await instanceOf(llama({ ...size, hidden_size: 24, num_hidden_layers: 6, intermediate_size: 40 })),
  1,
)
const biased = initialise(
  await instanceOf(phi({ ...size, hidden_size: 16, num_hidden_layers: 2, intermediate_size: 24 })),
  2,
)
const reference = tinyModel("small", 3)
afterAll(() => {
  for (const model of [target, biased, reference]) model.dispose()
  rmSync(folder, { recursive: true, force: true })
})

const examples = tinyExamples(23)
const identity = { weights: "a", code: "b" }
let made = 0
const store = async (form: StatesForm, of = target, data: ReadonlyArray<EncodedExample> = examples) => {
  const directory = join(folder, String(made++))
  const options = { identity, examples: data, batchTokens: 40, piece: { bytes: 1e9, tokens: 60 } }
  const header = await Effect.runPromise(makeStates({ ...options, directory, target: of, form }))
  expect(header.bytesPerToken).toBe(stateBytes(form, of.architecture))
  expect(header.tokens).toBe(data.reduce((sum, { ids }) => sum + ids.length - 1, 0))
  expect(header.pieces.length).toBeGreaterThan(2)
  return cachedStates(openSignals(directory, identity, data, readTokens), form, data, of.architecture)
}

const arms = {
  text: armLayer(none(), crossEntropy()),
  selective: armLayer(adaspec({ k: 0.5 }), kl()).pipe(
    Layer.provide(Layer.merge(frozenTarget(target), frozenReference(reference))),
  ),
}
const batchOf = { padded: {}, packed: { rows: "packed" }, "whole text": { objective: true } } as const
type Rows = keyof typeof batchOf

/** The weights of a head after a short training. */
const trained = async (
  head: HeadUse,
  arm: keyof typeof arms,
  states: ReturnType<typeof cachedStates> | undefined,
  rows: Rows = "padded",
) => {
  const draft = initialiseHead(await instanceOf(head), target, 1, { pieceOf: (id) => String(id) })
  const { objective, ...of } = { objective: false, ...batchOf[rows] }
  const whole = objective && { instance: await instanceOf(wholeText()), vocabularySize: V, steps: 8, microBatches: 1 }
  await Effect.runPromise(
    trainStage({
      ...{ stage: "head", model: draft, steps: 8, seed: 5 },
      batches: batches(examples, { ...of, batchSize: 5, seed: 1, ...(whole && { objective: whole }) }),
      optimizer: optimizerOptions.assert({ learningRate: 0.03, warmup: 2 }),
      ...(states && { signals: { states } }),
    }).pipe(Effect.provide(arms[arm])),
  )
  const weights = Object.fromEntries(Array.from(draft.parameters, ([name, x]) => [name, Array.from(x.dataSync())]))
  draft.dispose()
  return weights
}

const cases: ReadonlyArray<readonly [string, HeadUse, Omit<StatesForm, "precision">, keyof typeof arms, Rows]> = [
  ["medusa", medusa({ heads: 2 }), { last: true, layers: [] }, "selective", "padded"],
  ["hydra, packed rows", hydra({ heads: 2 }), { last: true, layers: [] }, "text", "packed"],
  ["eagle", eagle({ steps: 2, feature: 1 }), { last: true, layers: [] }, "selective", "padded"],
  ["eagle3", eagle({ form: "eagle3", taps: [2, 3, 4] }), { last: false, layers: [2, 3, 4] }, "text", "padded"],
  ["exit", exit({ layers: 2, norm: true, rank: 2 }), { last: true, layers: [2] }, "selective", "packed"],
  ["mlp, whole texts", mlp({ variable: runningParity(), layer: 1 }), { last: true, layers: [1] }, "text", "whole text"],
]

for (const [name, head, form, arm, rows] of cases)
  test(`${name}: weights on stored states are those of a pass in each step, bit by bit`, async () => {
    const tensors = tf.memory().numTensors
    const states = await store({ precision: "float32", ...form })
    const [live, stored] = [await trained(head, arm, undefined, rows), await trained(head, arm, states, rows)]
    expect(stored).toEqual(live)
    expect(tf.memory().numTensors).toBe(tensors)
  })

test("bfloat16 rounds each state by 2^-8 of it at most, and moves the weights by little", async () => {
  const form = { last: true, layers: [] } as const
  const [exact, halves] = [
    await store({ precision: "float32", ...form }),
    await store({ precision: "bfloat16", ...form }),
  ]
  const batch = batches(examples, { batchSize: 5, seed: 1 }).batch(0)
  tf.tidy(() => {
    const [a, b] = [exact, halves].map((of) => of.of(batch).targetHidden!.dataSync())
    expect(a!.some((x, i) => x !== b![i])).toBe(true)
    for (const [i, x] of a!.entries()) expect(Math.abs(x - b![i]!)).toBeLessThanOrEqual(2 ** -8 * Math.abs(x))
  })
  const live = await trained(medusa({ heads: 1 }), "text", undefined)
  const rounded = await trained(medusa({ heads: 1 }), "text", halves)
  const off = Object.entries(live).flatMap(([n, values]) => values.map((x, i) => Math.abs(x - rounded[n]![i]!)))
  expect(Math.max(...off)).toBeGreaterThan(0)
  expect(off.reduce((sum, x) => sum + x, 0) / off.length).toBeLessThan(0.005)
})

test("each state stands at its position, with the column of a head's bias, and 0 at padding; no step runs the target", async () => {
  const states = await store({ precision: "float32", last: true, layers: [1, 0] }, biased)
  expect(statesName(states.form)).toBe("last and layers 1, 0 in float32")
  const head = initialiseHead(await instanceOf(exit({ layers: 1 })), biased, 1)
  for (const rows of ["padded", "packed"] as const) {
    const batch = batches(examples, { batchSize: 6, seed: 4, rows }).batch(1)
    tf.tidy(() => {
      const ids = tf.tensor2d(batch.ids_BT, [batch.B, batch.T], "int32")
      const live = seenBy({ ...head, layers: [1, 0] }, batch, ids)
      const stored = states.of(batch)
      const refused = { ...biased, hidden: () => expect.unreachable() }
      expect(seenBy({ ...head, target: refused }, batch, ids, stored).targetHidden).toBe(stored.targetHidden!)
      for (const [a, b] of [
        [live.targetHidden!, stored.targetHidden!],
        ...[1, 0].map((layer) => [live.targetLayers!.get(layer)!, stored.targetLayers!.get(layer)!] as const),
      ] as const) {
        expect(b.shape).toEqual(a.shape)
        const [x, y, w] = [a.dataSync(), b.dataSync(), a.shape[2]]
        for (const [bt, id] of batch.ids_BT.entries()) {
          const isPadding = bt % batch.T >= batch.length_B[Math.floor(bt / batch.T)]!
          const row = Array.from(y.subarray(bt * w, (bt + 1) * w))
          if (isPadding) expect([id, ...row]).toEqual([0, ...row.map(() => 0)])
          else expect(row).toEqual(Array.from(x.subarray(bt * w, (bt + 1) * w)))
        }
      }
    })
  }
  head.dispose()
})

test("a batch with other tokens than the data is refused", async () => {
  const states = await store({ precision: "float32", last: true, layers: [] })
  const batch = batches(examples, { batchSize: 5, seed: 1 }).batch(0)
  const other = { ...batch, ids_BT: batch.ids_BT.map((id, i) => (i === 1 ? (id + 1) % V : id)) }
  expect(() => tf.tidy(() => void states.of(other))).toThrow(
    /reads other tokens than example \d+ of the data.*signals.states/,
  )
})

test("states without a layer that the head reads are refused before the first step", async () => {
  const states = await store({ precision: "float32", last: true, layers: [1] })
  const error = await trained(exit({ layers: 2, norm: true }), "text", states).catch((cause) => String(cause.problems))
  expect(error).toBe("it reads layer 2 of the target, and the stored states are last and layer 1 in float32")
})

test("a stopped cache goes on with the pieces that it has, and ends with the same bytes; shards are its parts", async () => {
  const form = { precision: "float32", last: true, layers: [2] } as const
  const making = { identity, examples, batchTokens: 40, piece: { bytes: 1e9, tokens: 60 }, target, form }
  const [whole, parts] = [join(folder, "whole"), join(folder, "parts")]
  const { pieces, tokens } = await Effect.runPromise(makeStates({ ...making, directory: whole }))
  const stopped = makeStates({
    ...making,
    directory: parts,
    onProgress: (done) => {
      if (done > pieces[0]!.rows) throw new Error("stopped")
    },
  })
  expect(String(await Effect.runPromise(Effect.flip(stopped)))).toContain("stopped")
  const seen: Array<number> = []
  const again = await Effect.runPromise(
    makeStates({ ...making, directory: parts, onProgress: (done) => seen.push(done) }),
  )
  expect(again.pieces).toEqual(pieces)
  expect([seen[0], seen.at(-1)]).toEqual([pieces[0]!.rows, tokens])
  const shards = await Promise.all(
    [0, 1].map((index) =>
      Effect.runPromise(makeStates({ ...making, directory: join(folder, `shard-${index}`), shard: { index, of: 2 } })),
    ),
  )
  expect(shards.flatMap((shard) => shard.pieces)).toEqual(pieces)
})
