/** Forms in which files hold parameters: a transpose and back, a head beside its bias, rows in another order, and rotation in pairs as an order of rows. */
import { expect, test } from "bun:test"
import { normals, seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { attention, sequenceFrame } from "./attention.ts"
import type { HeadLayout } from "./head-layout.ts"
import { rotaryEmbedding } from "./rotary.ts"
import { headWithBias, reordered, transposed } from "./stored.ts"

test("a weight is turned when it is read, and turned back when it is written", () => {
  for (const [outputs, inputs] of [
    [1, 1],
    [3, 2],
    [130, 65],
    [64, 200],
  ] as const) {
    const { shape, read, write } = transposed([outputs, inputs])
    expect(shape).toEqual([inputs, outputs])
    const file = Float32Array.from({ length: outputs * inputs }, (_, i) => i)
    const into = new Float32Array(file.length)
    read(file, into)
    for (const [e, d] of [
      [0, 0],
      [outputs - 1, 0],
      [0, inputs - 1],
      [outputs >> 1, inputs >> 1],
    ] as const)
      expect(into[e * inputs + d]!).toBe(file[d * outputs + e]!)
    expect(write(into)).toEqual(file)
  }
})

test("a head and its bias are columns of one parameter, and two tensors of a file", () => {
  const form = headWithBias(3, 2, "head.bias")
  const bias = form.rest!.get("head.bias")!
  expect([form.shape, bias.shape]).toEqual([[3, 2], [3]])
  const [weight, of] = [Float32Array.of(1, 2, 3, 4, 5, 6), Float32Array.of(7, 8, 9)]
  const into = new Float32Array(9)
  form.read(weight, into)
  bias.read(of, into)
  expect([...into]).toEqual([1, 2, 7, 3, 4, 8, 5, 6, 9])
  expect([form.write(into), bias.write(into)]).toEqual([weight, of])
})

test("rows in another order are put in place, and back", () => {
  const { shape, read, write } = reordered([2, 0, 1], 2)
  expect(shape).toEqual([3, 2])
  const file = Float32Array.of(1, 2, 3, 4, 5, 6)
  const into = new Float32Array(6)
  read(file, into)
  expect([...into]).toEqual([5, 6, 1, 2, 3, 4])
  expect(write(into)).toEqual(file)
})

test("entries rotated in pairs side by side are the two halves, with the rows of queries and keys in another order", () => {
  const layout: HeadLayout = { heads: 2, kvHeads: 2, headSize: 10, order: "kinds" }
  const [T, h, r, theta] = [7, 10, 6, 100]
  const packed = Float32Array.from(normals(T * 6 * h, 1, seeded(1, "packed")))

  /** Entry i of a row of a query or key head, rotated with its neighbour as GPT-J does. */
  const turned = (t: number, head: number, i: number): number => {
    const at = (j: number) => packed[t * 6 * h + head * h + j]!
    if (i >= r) return at(i)
    const angle = t * theta ** (-(2 * (i >> 1)) / r)
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
    return i % 2 === 0 ? at(i) * cos - at(i + 1) * sin : at(i) * cos + at(i - 1) * sin
  }
  const expected = new Float64Array(T * 2 * h)
  for (let t = 0; t < T; t++)
    for (let q = 0; q < 2; q++) {
      const weights = Array.from({ length: t + 1 }, (_, s) => {
        let score = 0
        for (let i = 0; i < h; i++) score += turned(t, q, i) * turned(s, 2 + q, i)
        return Math.exp(score / Math.sqrt(h))
      })
      const sum = weights.reduce((a, x) => a + x, 0)
      for (let i = 0; i < h; i++)
        for (const [s, weight] of weights.entries())
          expected[t * 2 * h + q * h + i]! += (weight / sum) * packed[s * 6 * h + (4 + q) * h + i]!
    }

  // row i of the first half is entry 2 i of the file, row i of the second half entry 2 i + 1
  const fileEntry = (i: number) => (i >= r ? i : i < r / 2 ? 2 * i : 2 * (i - r / 2) + 1)
  const ordered = packed.map((x, n) => {
    const head = Math.floor((n % (6 * h)) / h)
    return head >= 4 ? x : packed[n - (n % h) + fileEntry(n % h)]!
  })
  const found = tf.tidy(() => {
    const rotary = rotaryEmbedding({ headSize: h, rotated: r, theta, maxLength: T })
    return attention(tf.tensor2d(ordered, [T, 6 * h]), sequenceFrame(rotary, 1, T), layout).dataSync()
  })
  for (const [i, x] of expected.entries()) expect(Math.abs(found[i]! - x)).toBeLessThan(1e-5)
})
