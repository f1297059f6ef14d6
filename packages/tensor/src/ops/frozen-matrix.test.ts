/** Products and heads of halves: bit by bit those of the same numbers in float32, in either precision; nothing is left. */
import { afterAll, describe, expect, test } from "bun:test"
import { normals, seeded, toBfloat16 } from "@winnow/numerics"
import { nativeDecodingInUse } from "../native/decoder.ts"
import { Halves, valuesOf } from "../native/halves.ts"
import { headStatistics } from "../native/head.ts"
import { headGradient } from "../native/head-gradient.ts"
import { native, withPrecision } from "../native/native.ts"
import { tf } from "../tf.ts"
import { headLogits, linear, linears, product } from "./linear.ts"
import { gradients } from "./tape.ts"

const library = native()
const random = (name: string, count: number, scale = 1): Float32Array => {
  const values = normals(count, 1, seeded(5, name))
  return Float32Array.from(values, (x) => scale * x)
}
const halvesOf = (name: string, rows: number, columns: number): Halves =>
  Halves.fill(name, [rows, columns], (into) => toBfloat16(random(name, rows * columns, 2 / Math.sqrt(columns)), into))

/** Runs `f` in a tidy with halves and the same numbers as a tensor; frees all. */
const beside = (rows: number, columns: number, f: (half: Halves, wide: tf.Tensor2D) => void): void => {
  const half = halvesOf(`${rows}`, rows, columns)
  try {
    tf.tidy(() => f(half, half.widened()))
  } finally {
    half.dispose()
  }
}
const rowsOf = (N: number, d: number) => tf.tensor2d(random(`h${N}`, N * d), [N, d])

const inUse = () => [tf.memory().numTensors, nativeDecodingInUse().count, nativeDecodingInUse().bytes]
const before = inUse()
afterAll(() => expect(inUse()).toEqual(before))

describe.skipIf(library === undefined)("halves (skipped: no native library)", () => {
  for (const precision of ["float32", "bfloat16"] as const) {
    for (const [N, e, d] of [
      [1, 5, 32],
      [7, 33, 96],
      [8, 33, 96],
      [61, 70, 1120],
    ] as const)
      test(`linear layers in ${precision}: ${N} rows of ${d} to ${e}`, () =>
        beside(e, d, (half, wide) =>
          withPrecision(precision, () => {
            const [x, bias_e] = [rowsOf(N, d), tf.tensor1d(random("bias", e))]
            expect(linear(x, half, bias_e).dataSync()).toEqual(linear(x, wide, bias_e).dataSync())
            const mixed = [{ weight_ed: half }, { weight_ed: wide, bias_e }]
            const same = [{ weight_ed: wide }, { weight_ed: wide, bias_e }]
            expect(linears(x, mixed).dataSync()).toEqual(linears(x, same).dataSync())
          }),
        ))

    for (const [N, V, d] of [
      [1, 5, 32],
      [33, 97, 64],
      [40, 3011, 96],
    ] as const)
      test(`statistics and gradient beside a target in halves, ${precision}: N = ${N}, V = ${V}, D = ${d}`, () =>
        beside(V, d, (half, wide) =>
          withPrecision(precision, () => {
            const draft = { h_Nd: rowsOf(N, 8), head_Vd: tf.tensor2d(random("draft", V * 8), [V, 8]) }
            const [h_Nd, weight_K] = [rowsOf(N, d), new Float32Array(N).fill(0.5)]
            const computed = [half, wide].map((head_Vd) => {
              const target = { h_Nd, head_Vd }
              const ask = ["draft.logSumExp", "target.logSumExp", "target.entropy", "draftPair.acceptance"] as const
              const statistics = headStatistics(library!, { target, draft, ask })
              const [lseDraft_K, lseTarget_K] = [statistics["draft.logSumExp"], statistics["target.logSumExp"]]
              const gradient = headGradient(library!, { form: "kl", target, draft, lseDraft_K, lseTarget_K, weight_K })
              return [...ask.map((name) => statistics[name]), gradient.headGradient_Vd!.dataSync()]
            })
            expect(computed[0]).toEqual(computed[1]!)
          }),
        ))
  }

  test("logits are those of TensorFlow's product, in float32 at any precision", () =>
    beside(97, 64, (half, wide) => {
      for (const N of [1, 13]) {
        const h = rowsOf(N, 64)
        const logits = headLogits(h, half)
        expect(withPrecision("bfloat16", () => headLogits(h, half)).dataSync()).toEqual(logits.dataSync())
        expect(headLogits(h, wide).dataSync()).toEqual(product(h, wide, false, true).dataSync())
        expect(tf.max(tf.abs(tf.sub(logits, headLogits(h, wide)))).dataSync()[0]).toBeLessThan(1e-5)
      }
    }))

  test("the numbers of a matrix are those of its widened form", () =>
    beside(3, 32, (half, wide) => {
      expect(valuesOf(half)).toEqual(wide.dataSync() as Float32Array)
      expect(valuesOf(wide)).toEqual(wide.dataSync() as Float32Array)
    }))

  test("sizes that do not fit, and gradients, are refused", () =>
    beside(3, 32, (half) => {
      const x = tf.ones([8, 31]) as tf.Tensor2D
      expect(() => linear(x, half)).toThrow("linear: found rows [8,31], weight [3,32]")
      expect(() => headLogits(x, half)).toThrow("linear: found rows [8,31], weight [3,32]")
      const h = tf.variable(tf.ones([8, 32])) as tf.Variable
      const loss = () => tf.sum(linear(h as unknown as tf.Tensor2D, half)) as tf.Scalar
      expect(() => gradients(loss, [h])).toThrow("passes no gradient on")
      h.dispose()
    }))
})
