/** An encoder from the decoders' blocks: its laws, its attention against plain loops, a masked objective. */
import { expect, test } from "bun:test"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Attends, asDecoder, type Encoder, isDecoder, type ModelUse } from "@winnow/core"
import { normals, seeded } from "@winnow/numerics"
import { AdamW, gradients, tf } from "@winnow/tensor"
import { bothWays, checkFamily, oneWay } from "@winnow/testing"
import { Effect } from "effect"
import { attention, sequenceFrame } from "./attention.ts"
import type { HeadLayout } from "./head-layout.ts"
import { initialise, loadDecoder, loadModel, paddedStarts, saveModel } from "./index.ts"
import { rotaryEmbedding } from "./rotary.ts"

const sizes = { vocab_size: 23, width: 16, depth: 2, heads: 4, length: 24 }

test("attention both ways: keeps the laws", () => checkFamily(bothWays, sizes))
test("the same layers with attention to what is before: keeps the laws", () => checkFamily(oneWay, sizes))

/** Attention among rows with one start, head by head, in double precision; queries and keys are not rotated. */
const plainLoops = (
  packed: Float32Array,
  B: number,
  T: number,
  { heads: Q, kvHeads: G, headSize: h }: HeadLayout,
  start: Int32Array,
) => {
  const width = (Q + 2 * G) * h
  const out = new Float64Array(B * T * Q * h)
  for (let b = 0; b < B; b++)
    for (let t = 0; t < T; t++)
      for (let q = 0; q < Q; q++) {
        const n = b * T + t
        if (start[n]! > t) continue
        const g = Math.floor((q * G) / Q)
        const entry = (row: number, head: number, i: number) => packed[(b * T + row) * width + head * h + i]!
        const of = Array.from({ length: T }, (_, s) => s).filter((s) => start[b * T + s] === start[n])
        const scores = of.map((s) => {
          let score = 0
          for (let i = 0; i < h; i++) score += entry(t, q, i) * entry(s, Q + g, i)
          return Math.exp(score / Math.sqrt(h))
        })
        const sum = scores.reduce((a, x) => a + x, 0)
        for (let i = 0; i < h; i++)
          out[n * Q * h + q * h + i] = of.reduce((a, s, j) => a + (scores[j]! / sum) * entry(s, Q + G + g, i), 0)
      }
  return out
}

test("attention both ways is that of plain loops: packed sequences, padding, groups of queries", () => {
  const layout: HeadLayout = { heads: 4, kvHeads: 2, headSize: 6, order: "kinds" }
  const [B, T] = [2, 9]
  const start = Int32Array.of(0, 0, 0, 3, 3, 3, 3, 8, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0)
  const packed = Float32Array.from(normals(B * T * 48, 1, seeded(1, "packed")))
  const rotary = rotaryEmbedding({ headSize: 6, rotated: 0, theta: 1, maxLength: 16 })
  for (const start_N of [start, undefined]) {
    const expected = plainLoops(packed, B, T, layout, start_N ?? new Int32Array(B * T))
    const found = tf.tidy(() => {
      const frame = sequenceFrame(rotary, B, T, start_N, "both")
      return attention(tf.tensor2d(packed, [B * T, 48]), frame, layout).dataSync()
    })
    for (const [i, x] of expected.entries()) expect(Math.abs(found[i]! - x)).toBeLessThan(1e-5)
  }
})

test("an encoder has no decoding state, and where one must decode it is refused by name", async () => {
  const model = initialise(await Effect.runPromise(bothWays(sizes).instance), 1)
  expect(isDecoder(model)).toBe(false)
  expect(() => asDecoder(model, "the draft")).toThrow("both_ways attends both ways")
  const { hidden } = model.architecture
  const cached = () => hidden(model.parameters, tf.zeros([1, 2], "int32"), { layers: [], length: 0 })
  expect(() => tf.tidy(cached)).toThrow("nothing of a pass can be kept")
  const dir = mkdtempSync(join(tmpdir(), "winnow-encoder-"))
  await Effect.runPromise(saveModel(model, dir))
  model.dispose()
  const before = tf.memory().numTensors
  const refused = await Effect.runPromise(Effect.flip(loadDecoder(dir, [bothWays])))
  expect(refused.message).toContain(`${dir}`)
  expect(refused.message).toContain("take a decoder, such as llama")
  const read = await Effect.runPromise(loadModel(dir, [bothWays]))
  expect(isDecoder(read)).toBe(false)
  read.dispose()
  expect(tf.memory().numTensors).toBe(before)
})

const MASK = 12
const T = 12

/** Words of 3 to 6 letters, each written twice, right-padded; in every other pair the first is masked. */
const batchOf = (step: number) => {
  const rng = seeded(9, "words", step)
  const B = 32
  const ids = new Int32Array(B * T)
  const length_B = new Int32Array(B)
  const [row, gold]: [Array<number>, Array<number>] = [[], []]
  for (let b = 0; b < B; b++) {
    const half = Array.from({ length: 3 + rng.below(4) }, () => rng.below(12))
    const word = half.flatMap((letter) => [letter, letter])
    length_B[b] = word.length
    ids.set(word, b * T)
    const first = rng.below(2)
    for (let at = 2 * first; at < word.length; at += 4) {
      row.push(b * T + at)
      gold.push(word[at]!)
      ids[b * T + at] = MASK
    }
  }
  return { ids, length_B, row, gold, B }
}

/**
 * The number of correct masked letters of a model of this family after 200 steps on the objective, on 20 new batches.
 */
const masked = async <A extends Attends>(family: {
  readonly use: (options: unknown) => ModelUse<A>
}): Promise<number> => {
  const use = family.use({ vocab_size: 13, width: 32, depth: 2, heads: 4, length: T, std: 0.1 })
  const model: Encoder = initialise(await Effect.runPromise(use.instance), 3)
  const optimizer = new AdamW(model.parameters, { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0 })
  const logits = ({ ids, length_B, row, B }: ReturnType<typeof batchOf>) => {
    const h_BTd = model.hidden(tf.tensor2d(ids, [B, T], "int32"), paddedStarts(length_B, T))
    const h_Nd = tf.gather(tf.reshape(h_BTd, [B * T, 32]), tf.tensor1d(row, "int32"))
    return tf.matMul(h_Nd, model.head_Vd as unknown as tf.Tensor2D, false, true)
  }
  const names = [...model.parameters.keys()]
  for (let step = 0; step < 200; step++)
    tf.tidy(() => {
      const batch = batchOf(step)
      const { gradients: found } = gradients(
        () =>
          tf.losses.softmaxCrossEntropy(tf.oneHot(tf.tensor1d(batch.gold, "int32"), 13), logits(batch)) as tf.Scalar,
        names.map((name) => model.parameters.get(name)!),
      )
      optimizer.apply(
        Object.fromEntries(names.map((name, i) => [name, found[i]!])),
        5e-3 * Math.min(1, (step + 1) / 20),
      )
    })
  let [right, all] = [0, 0]
  for (let step = 1000; step < 1020; step++) {
    const batch = batchOf(step)
    const answers = tf.tidy(() => tf.argMax(logits(batch), 1).dataSync())
    right += batch.gold.filter((id, i) => answers[i] === id).length
    all += batch.gold.length
  }
  optimizer.dispose()
  model.dispose()
  return right / all
}

test("200 steps on masked letters: both ways finds the twin that stands behind, attention to what is before cannot", async () => {
  const before = tf.memory().numTensors
  const both = await masked(bothWays)
  const decoder = await masked(oneWay)
  expect(both).toBeGreaterThan(0.9)
  expect(decoder).toBeLessThan(0.3) // Chance is 1 in 12.
  expect(tf.memory().numTensors).toBe(before)
})
