/** Native attention and embedding against the forms of TensorFlow ops, and packed sequences against each one alone. */
import { describe, expect, test } from "bun:test"
import type { Attends } from "@winnow/core"
import { normals, seeded } from "@winnow/numerics"
import { native, tf, withoutNative } from "@winnow/tensor"
import { attention, sequenceFrame } from "./attention.ts"
import { embedding, plainEmbedding } from "./embedding.ts"
import type { HeadLayout } from "./head-layout.ts"
import { rotaryEmbedding } from "./rotary.ts"

const random = (name: string, shape: ReadonlyArray<number>) =>
  tf.tensor(
    normals(
      shape.reduce((a, b) => a * b, 1),
      1,
      seeded(3, name),
    ),
    [...shape],
  )

interface Case {
  readonly B: number
  readonly T: number
  readonly layout: HeadLayout
  readonly rotated: number
  readonly start_N?: Int32Array | undefined
  readonly window?: number
}

/** Context, and gradient by the packed rows. */
const valuesOf = ({ B, T, layout, rotated, start_N, window }: Case, packed: tf.Tensor2D): ReadonlyArray<tf.Tensor> => {
  const { heads, kvHeads, headSize } = layout
  const rotary = rotaryEmbedding({ headSize, rotated, theta: 10000, maxLength: 512 })
  const frame = sequenceFrame(rotary, B, T, start_N, "before", window)
  expect(packed.shape[1]).toBe((heads + 2 * kvHeads) * headSize)
  const dy = random("dy", [B * T, heads * headSize])
  const { value, grad } = tf.valueAndGrad<tf.Tensor, tf.Tensor>((x) => attention(x as tf.Tensor2D, frame, layout))(
    packed,
    dy,
  )
  return [value, grad]
}

const packedRows = ({ B, T, layout: { heads, kvHeads, headSize } }: Case) =>
  random("packed", [B * T, (heads + 2 * kvHeads) * headSize]) as tf.Tensor2D

const largestDifference = (a: tf.Tensor, b: tf.Tensor): number =>
  tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]! / Math.max(1, tf.max(tf.abs(b)).dataSync()[0]!)

/** Starts of packed parts of these lengths, padding for the rest. */
const starts = (T: number, ...sequences: ReadonlyArray<ReadonlyArray<number>>): Int32Array =>
  Int32Array.from(
    sequences.flatMap((lengths) => {
      const starts_T: Array<number> = []
      for (const length of lengths) starts_T.push(...Array(length).fill(starts_T.length))
      while (starts_T.length < T) starts_T.push(starts_T.length + 1)
      return starts_T
    }),
  )

const byHead = (heads: number, headSize: number): HeadLayout => ({ heads, kvHeads: heads, headSize, order: "heads" })
const grouped = (heads: number, kvHeads: number, headSize: number): HeadLayout => ({
  heads,
  kvHeads,
  headSize,
  order: "kinds",
})

const none = native() === undefined
if (none) console.warn("skipped: native attention, as there is no native library here (`winnow doctor` says why)")

describe.skipIf(none)("native attention equals that of TensorFlow ops", () => {
  const cases: Record<string, Case> = {
    "one token": { B: 1, T: 1, layout: byHead(2, 8), rotated: 2 },
    "two tokens, heads of 33 entries, 32 of them rotated": { B: 3, T: 2, layout: byHead(2, 33), rotated: 32 },
    "GPT-NeoX": { B: 2, T: 65, layout: byHead(3, 32), rotated: 8 },
    "grouped queries": { B: 2, T: 65, layout: grouped(6, 2, 16), rotated: 16 },
    "all queries on one head of 80": { B: 1, T: 70, layout: grouped(3, 1, 80), rotated: 80 },
    "heads that are not rotated": { B: 2, T: 65, layout: grouped(2, 2, 24), rotated: 0 },
    "blocks of keys": { B: 1, T: 300, layout: byHead(1, 64), rotated: 16 },
    packed: { B: 2, T: 65, layout: byHead(2, 32), rotated: 8, start_N: starts(65, [30, 1, 34], [20, 20]) },
    "packed, grouped queries": {
      B: 2,
      T: 65,
      layout: grouped(4, 2, 32),
      rotated: 32,
      start_N: starts(65, [64, 1], [3]),
    },
    "a window of one position": { B: 1, T: 20, layout: grouped(2, 1, 8), rotated: 8, window: 1 },
    "a window over blocks of keys": { B: 2, T: 300, layout: grouped(2, 1, 32), rotated: 32, window: 100 },
    "a window that holds all": { B: 1, T: 65, layout: byHead(2, 16), rotated: 16, window: 65 },
    "packed, with a window": {
      B: 2,
      T: 65,
      layout: grouped(4, 2, 16),
      rotated: 16,
      start_N: starts(65, [30, 1, 34], [40]),
      window: 7,
    },
  }
  for (const [name, each] of Object.entries(cases))
    test(name, () => {
      const before = tf.memory().numTensors
      tf.tidy(() => {
        const packed = packedRows(each)
        const fast = valuesOf(each, packed)
        const plain = withoutNative(() => valuesOf(each, packed))
        for (const [i, x] of fast.entries()) {
          expect(x.shape).toEqual(plain[i]!.shape)
          expect(largestDifference(x, plain[i]!)).toBeLessThan(1e-5)
        }
      })
      expect(tf.memory().numTensors).toBe(before)
    })

  test("embedding: rows and their gradient, an id many times; an id outside is named", () => {
    tf.tidy(() => {
      const weight = random("weight", [50, 33]) as tf.Tensor2D
      const ids = tf.tensor1d([4, 49, 4, 0, 4, 17], "int32")
      const dy = random("dy", [6, 33])
      const [fast, plain] = [embedding, plainEmbedding].map((op) =>
        tf.valueAndGrad<tf.Tensor, tf.Tensor>((w) => op(w as tf.Tensor2D, ids))(weight, dy),
      )
      expect(largestDifference(fast!.value, plain!.value)).toBe(0)
      expect(largestDifference(fast!.grad, plain!.grad)).toBeLessThan(1e-6)
      for (const wrong of [-1, 50])
        expect(() => embedding(weight, tf.tensor1d([0, wrong], "int32"))).toThrow(
          `id ${wrong} at index 1, expected 0 to 49`,
        )
    })
  })

  test("NaN in a key shows in the rows that attend to it, and not in those before nor in other sequences", () => {
    tf.tidy(() => {
      const each: Case = { B: 2, T: 65, layout: byHead(1, 8), rotated: 2 }
      const packed = packedRows(each).arraySync()
      packed[40]![8 + 3] = Number.NaN
      const finite_N = tf.min(tf.cast(tf.isFinite(valuesOf(each, tf.tensor2d(packed))[0]!), "float32"), 1).dataSync()
      expect(Array.from(finite_N.subarray(0, 40))).toEqual(Array(40).fill(1))
      expect(Array.from(finite_N.subarray(40, 65))).toEqual(Array(25).fill(0))
      expect(Array.from(finite_N.subarray(65))).toEqual(Array(65).fill(1))
    })
  })
})

for (const way of none ? (["plain"] as const) : (["native", "plain"] as const))
  test(`${way}: packed sequences give what each gives alone; padding gives 0`, () => {
    const run = () =>
      tf.tidy(() => {
        const layout = grouped(2, 1, 8)
        const packed = packedRows({ B: 1, T: 12, layout, rotated: 8 })
        const whole = valuesOf({ B: 1, T: 12, layout, rotated: 8, start_N: starts(12, [5, 4]) }, packed)[0]!
        for (const [from, T] of [
          [0, 5],
          [5, 4],
        ] as const) {
          const rotary = rotaryEmbedding({ headSize: 8, rotated: 8, theta: 10000, maxLength: 5 })
          const alone = attention(tf.slice2d(packed, [from, 0], [T, 32]), sequenceFrame(rotary, 1, T), layout)
          expect(largestDifference(tf.slice(whole, [from, 0], [T, 16]), alone)).toBeLessThan(1e-6)
        }
        expect(tf.max(tf.abs(tf.slice(whole, [9, 0], [3, 16]))).dataSync()[0]!).toBe(0)
      })
    if (way === "native") run()
    else withoutNative(run)
  })

/** Attention among what is before within a window, head by head, in double precision; nothing is rotated. */
const plainLoops = (
  packed: Float32Array,
  B: number,
  T: number,
  { heads: Q, kvHeads: G, headSize: h }: HeadLayout,
  window: number,
  attends: Attends,
) => {
  const width = (Q + 2 * G) * h
  const out = new Float64Array(B * T * Q * h)
  for (let n = 0; n < B * T; n++)
    for (let q = 0; q < Q; q++) {
      const [g, t] = [Math.floor((q * G) / Q), n % T]
      const entry = (row: number, head: number, i: number) => packed[row * width + head * h + i]!
      const near = Array.from({ length: T }, (_, s) => s).filter(
        (s) => Math.abs(s - t) < window && (s <= t || attends === "both"),
      )
      const weights = near.map((s) => {
        let score = 0
        for (let i = 0; i < h; i++) score += entry(n, q, i) * entry(n - t + s, Q + g, i)
        return Math.exp(score / Math.sqrt(h))
      })
      const sum = weights.reduce((a, x) => a + x, 0)
      for (let i = 0; i < h; i++)
        out[(n * Q + q) * h + i] = near.reduce((a, s, j) => a + (weights[j]! / sum) * entry(n - t + s, Q + G + g, i), 0)
    }
  return out
}

for (const attends of ["before", "both"] as const)
  for (const way of none ? (["plain"] as const) : (["native", "plain"] as const))
    test(`${way}: a window to what is ${attends} is that of plain loops`, () => {
      const layout = grouped(4, 2, 6)
      const [B, T] = [2, 11]
      const packed = Float32Array.from(normals(B * T * 48, 1, seeded(1, "packed")))
      const rotary = rotaryEmbedding({ headSize: 6, rotated: 0, theta: 1, maxLength: 16 })
      const run = (window: number) =>
        tf.tidy(() => {
          const frame = sequenceFrame(rotary, B, T, undefined, attends, window)
          return attention(tf.tensor2d(packed, [B * T, 48]), frame, layout).dataSync()
        })
      for (const window of [1, 4, 10, 11, 30]) {
        const found = way === "native" ? run(window) : withoutNative(() => run(window))
        const expected = plainLoops(packed, B, T, layout, window, attends)
        for (const [i, x] of expected.entries()) expect(Math.abs(found[i]! - x)).toBeLessThan(1e-5)
      }
    })

test("starts that cannot be are refused", () => {
  const rotary = rotaryEmbedding({ headSize: 8, rotated: 8, theta: 10000, maxLength: 4 })
  expect(() => sequenceFrame(rotary, 1, 3, Int32Array.of(0, 0))).toThrow(
    "found 2 starts, expected one for each of 1 x 3",
  )
  expect(() => sequenceFrame(rotary, 1, 3, Int32Array.of(0, 3, 0))).toThrow(
    "token 1 of sequence 0 starts at 3, expected 0 to 2",
  )
  expect(() => sequenceFrame(rotary, 1, 6, new Int32Array(6))).toThrow("has 6 positions")
})
