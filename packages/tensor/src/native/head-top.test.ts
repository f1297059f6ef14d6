/** The most probable tokens of rows, from TypeScript: against a sort in double, with a head in halves, and refusals. */
import { describe, expect, test } from "bun:test"
import { seeded, toBfloat16 } from "@winnow/numerics"
import { tf } from "../tf.ts"
import { Halves } from "./halves.ts"
import { headTop } from "./head-top.ts"
import { native, withPrecision } from "./native.ts"

const library = native()
const rng = seeded(9, "top")
const normal = (n: number, scale = 1) => Float32Array.from({ length: n }, () => scale * rng.normal())

/** Answers of `headTop`, row by row. */
const topOf = (h_Nd: tf.Tensor2D, head_Vd: tf.Tensor2D | Halves, k: number) => {
  const words = new Int32Array(h_Nd.shape[0] * (2 * k + 1))
  headTop(library!, { h_Nd, head_Vd }, k, words)
  const floats = new Float32Array(words.buffer)
  return Array.from({ length: h_Nd.shape[0] }, (_, n) => {
    const at = n * (2 * k + 1)
    return { ids: words.slice(at, at + k), logP: floats.slice(at + k, at + 2 * k), tail: floats[at + 2 * k]! }
  })
}

describe.skipIf(library === undefined)("native (skipped: no native library)", () => {
  for (const { N, V, D, k } of [
    { N: 1, V: 1, D: 1, k: 1 },
    { N: 35, V: 700, D: 33, k: 64 },
    { N: 5, V: 5003, D: 8, k: 3 },
    { N: 2, V: 300, D: 8, k: 300 },
  ])
    test(`N = ${N}, V = ${V}, D = ${D}, k = ${k}: as by a sort`, () => {
      const [h, head] = [normal(N * D), normal(V * D, 2 / Math.sqrt(D))]
      const before = tf.memory().numTensors
      const found = tf.tidy(
        () => topOf(tf.tensor2d(h, [N, D]), tf.tensor2d(head, [V, D]), k) as never,
      ) as unknown as ReturnType<typeof topOf>
      expect(tf.memory().numTensors).toBe(before)
      for (const [n, { ids, logP, tail }] of found.entries()) {
        const z = Array.from({ length: V }, (_, v) => {
          let sum = 0
          for (let i = 0; i < D; i++) sum += h[n * D + i]! * head[v * D + i]!
          return sum
        })
        const most = Math.max(...z)
        const lse = most + Math.log(z.reduce((sum, x) => sum + Math.exp(x - most), 0))
        const best = z.map((_, v) => v).toSorted((a, b) => z[b]! - z[a]!)
        expect([...ids]).toEqual(best.slice(0, k))
        for (const [i, id] of ids.entries()) expect(Math.abs(logP[i]! - (z[id]! - lse))).toBeLessThan(2e-5)
        const others = best.slice(k).reduce((sum, v) => sum + Math.exp(z[v]! - lse), 0)
        expect(Math.abs(tail - others)).toBeLessThanOrEqual(2e-5 * others)
      }
    })

  test("a head in halves gives the bits of its numbers in float32, in either precision", () => {
    const [N, V, D, k] = [9, 200, 64, 16]
    const halves = Halves.fill("head", [V, D], (values) => toBfloat16(normal(V * D, 0.2), values))
    tf.tidy(() => {
      const [h, wide] = [tf.tensor2d(normal(N * D), [N, D]), halves.widened()]
      for (const precision of ["float32", "bfloat16"] as const)
        withPrecision(precision, () => expect(topOf(h, halves, k)).toEqual(topOf(h, wide, k)))
    })
    halves.dispose()
  })

  test("wrong input is refused, with the found and the expected value", () =>
    tf.tidy(() => {
      const rows = (D: number) => ({ h_Nd: tf.zeros([2, 3]) as tf.Tensor2D, head_Vd: tf.zeros([5, D]) as tf.Tensor2D })
      const call = (D: number, k: number, words: number) => () => headTop(library!, rows(D), k, new Int32Array(words))
      expect(call(4, 1, 6)).toThrow("hidden states [2, 3] with a head [5,4]")
      expect(call(3, 6, 26)).toThrow("k = 6 of 5 tokens; expected a whole number from 1 to 5")
      expect(call(3, 2, 11)).toThrow("11 words for 2 rows of 5; expected 10")
    }))
})
