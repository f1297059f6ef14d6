/**
 * Each native op against its plain form: value and every gradient, at odd sizes; NaN and infinity; no tensor is left.
 */
import { describe, expect, test } from "bun:test"
import { normals, seeded } from "@winnow/numerics"
import { native, type Precision, withPrecision } from "../native/native.ts"
import { tf } from "../tf.ts"
import { add3, gelu, geluTanh, plainGelu, plainGeluTanh, plainSiluGate, siluGate } from "./activations.ts"
import { headNorm, plainHeadNorm } from "./head-norm.ts"
import { linears, plainLinear } from "./linear.ts"
import { layerNorm, plainLayerNorm, plainRmsNorm, rmsNorm } from "./norms.ts"
import { plainSquareSum, squareSum } from "./square-sum.ts"

type Op = (...inputs: Array<tf.Tensor>) => tf.Tensor
const as = (op: unknown) => op as Op

const random = (name: string, shape: ReadonlyArray<number>): tf.Tensor =>
  tf.tensor(
    normals(
      shape.reduce((a, b) => a * b, 1),
      1,
      seeded(2, name),
    ),
    [...shape],
  )

const valuesOf = (op: Op, inputs: Array<tf.Tensor>, dy: tf.Tensor): Array<tf.Tensor> => {
  const { value, grads } = tf.valueAndGrads((...x: Array<tf.Tensor>) => op(...x))(inputs, dy)
  return [value, ...grads]
}

/** Largest difference of value and gradients, relative to the largest entry. */
const agree = (fast: Op, plain: Op, shapes: ReadonlyArray<ReadonlyArray<number>>, tolerance = 2e-5) => {
  const before = tf.memory().numTensors
  tf.tidy(() => {
    const inputs = shapes.map((shape, i) => random(`in${i}`, shape))
    const dy = random("dy", plain(...inputs).shape)
    const expected = valuesOf(plain, inputs, dy)
    for (const [i, x] of valuesOf(fast, inputs, dy).entries()) {
      expect(x.shape).toEqual(expected[i]!.shape)
      const largest = Math.max(1, tf.max(tf.abs(expected[i]!)).dataSync()[0]!)
      expect(tf.max(tf.abs(tf.sub(x, expected[i]!))).dataSync()[0]! / largest).toBeLessThan(tolerance)
    }
  })
  expect(tf.memory().numTensors).toBe(before)
}

const none = native() === undefined
if (none) console.warn("skipped: the native ops, as there is no native library here (`winnow doctor` says why)")

describe.skipIf(none)("native ops equal the plain ones", () => {
  for (const N of [1, 2, 65])
    for (const d of [1, 2, 8, 33, 257]) {
      test(`layer norm, [${N}, ${d}]`, () =>
        agree(
          as((x: tf.Tensor2D, g: tf.Tensor1D, b: tf.Tensor1D) => layerNorm(x, g, b, 1e-2)),
          as((x: tf.Tensor2D, g: tf.Tensor1D, b: tf.Tensor1D) => plainLayerNorm(x, g, b, 1e-2)),
          [[N, d], [d], [d]],
        ))
      test(`RMS norm, [${N}, ${d}]`, () =>
        agree(
          as((x: tf.Tensor2D, g: tf.Tensor1D) => rmsNorm(x, g, 1e-2)),
          as((x: tf.Tensor2D, g: tf.Tensor1D) => plainRmsNorm(x, g, 1e-2)),
          [[N, d], [d]],
        ))
      test(`GELU, SiLU gate, sum of three, [${N}, ${d}]`, () => {
        agree(as(gelu), as(plainGelu), [[N, d]], 1e-6)
        agree(as(geluTanh), as(plainGeluTanh), [[N, d]], 2e-6)
        agree(as(siluGate), as(plainSiluGate), [[N, 2 * d]], 1e-6)
        agree(
          as(add3),
          as((a: tf.Tensor, b: tf.Tensor, c: tf.Tensor) => tf.add(tf.add(a, b), c)),
          Array(3).fill([N, d]),
          1e-6,
        )
      })
      // bfloat16 keeps 8 bits of each operand: the error of a sum of d products grows with its root, like the sum
      // itself.
      for (const [mode, tolerance] of [
        ["float32", 2e-5],
        ["bfloat16", 2e-2],
      ] as ReadonlyArray<[Precision, number]>)
        test(`linear layers of 3 and 17 outputs, one with bias, ${mode}, [${N}, ${d}]`, () => {
          const layers = (w1: tf.Tensor2D, w2: tf.Tensor2D, b2: tf.Tensor1D) => [
            { weight_ed: w1, bias_e: undefined },
            { weight_ed: w2, bias_e: b2 },
          ]
          agree(
            as((x: tf.Tensor2D, w1: tf.Tensor2D, w2: tf.Tensor2D, b2: tf.Tensor1D) =>
              withPrecision(mode, () => linears(x, layers(w1, w2, b2))),
            ),
            as((x: tf.Tensor2D, w1: tf.Tensor2D, w2: tf.Tensor2D, b2: tf.Tensor1D) =>
              tf.concat(
                layers(w1, w2, b2).map(({ weight_ed, bias_e }) => plainLinear(x, weight_ed, bias_e)),
                1,
              ),
            ),
            [[N, d], [3, d], [17, d], [17]],
            tolerance,
          )
        })
    }

  for (const N of [1, 3, 70])
    for (const [Q, G, h] of [
      [1, 1, 4],
      [4, 2, 33],
      [6, 1, 16],
    ] as const) {
      const of = { heads: Q, kvHeads: G, headSize: h }
      const shapes = [[N, (Q + 2 * G) * h], [h], [h]]
      test(`norms of ${Q} query heads and ${G} of keys, ${h} numbers each, [${N}]`, () => {
        const fast = as((x: tf.Tensor2D, q: tf.Tensor1D, k: tf.Tensor1D) => headNorm(x, of, q, k, 1e-2))
        agree(
          fast,
          as((x: tf.Tensor2D, q: tf.Tensor1D, k: tf.Tensor1D) => plainHeadNorm(x, of, q, k, 1e-2)),
          shapes,
        )
        // Bit by bit the native norm of the heads of a kind, one after the other.
        const apart = as((x: tf.Tensor2D, q: tf.Tensor1D, k: tf.Tensor1D) => plainHeadNorm(x, of, q, k, 1e-2, rmsNorm))
        tf.tidy(() => {
          const inputs = shapes.map((shape, i) => random(`in${i}`, shape))
          const dy = random("dy", shapes[0]!)
          const expected = valuesOf(apart, inputs, dy)
          for (const [i, x] of valuesOf(fast, inputs, dy).entries())
            expect(x.dataSync()).toEqual(expected[i]!.dataSync())
        })
      })
    }

  test("sums of squares", () => {
    tf.tidy(() => {
      for (const n of [0, 1, 33, 40_000]) {
        const x = random("x", [n])
        expect(Math.abs(squareSum(x) / plainSquareSum(x) - 1) < 1e-5 || n === 0).toBe(true)
        expect(squareSum(x)).toBeGreaterThanOrEqual(0)
      }
      expect(squareSum(tf.tensor1d([1, Number.NaN]))).toBeNaN()
    })
  })

  test("a value that is not finite stays so, and affects only its own row", () => {
    tf.tidy(() => {
      const values = Float32Array.from({ length: 8 * 40 }, (_, i) => Math.sin(i))
      values[2 * 40 + 3] = Number.NaN
      values[5 * 40 + 7] = Number.POSITIVE_INFINITY
      const x = tf.tensor2d(values, [8, 40])
      const [ones, zeros] = [tf.ones([40]) as tf.Tensor1D, tf.zeros([40]) as tf.Tensor1D]
      const finiteRows = (y: tf.Tensor) => {
        const width = y.shape[1]!
        const found = y.dataSync()
        return Array.from({ length: 8 }, (_, r) => found.subarray(r * width, (r + 1) * width).every(Number.isFinite))
      }
      const expected = [true, true, false, true, true, false, true, true]
      for (const y of [
        layerNorm(x, ones, zeros, 1e-5),
        rmsNorm(x, ones, 1e-5),
        gelu(x),
        geluTanh(x),
        siluGate(x),
        add3(x, x, x),
      ])
        expect(finiteRows(y)).toEqual(expected)
      expect(finiteRows(linears(x, [{ weight_ed: tf.ones([3, 40]) }]))).toEqual(expected)
    })
  })

  test("sizes that do not fit are refused: native code would read past the end", () => {
    tf.tidy(() => {
      const x = tf.ones([8, 4]) as tf.Tensor2D
      const [four, five] = [tf.ones([4]) as tf.Tensor1D, tf.ones([5]) as tf.Tensor1D]
      expect(() => layerNorm(x, four, five, 1e-5)).toThrow("layerNorm: found rows [8,4] and a vector [5]")
      expect(() => rmsNorm(x, five, 1e-5)).toThrow("rmsNorm: found rows [8,4] and a vector [5]")
      const of = { heads: 1, kvHeads: 1, headSize: 4 }
      expect(() => headNorm(x, of, four, four, 1e-5)).toThrow("headNorm: found rows [8,4] and scales [4] and [4]")
      expect(() => headNorm(tf.ones([8, 12]), of, four, five, 1e-5)).toThrow("expected [N, 12] and [4]")
      expect(() => linears(x, [{ weight_ed: tf.ones([3, 5]) }])).toThrow("linear: found rows [8,4], weight [3,5]")
      expect(() => siluGate(tf.ones([8, 5]))).toThrow("siluGate: found rows of 5")
      expect(() => add3(x, x, tf.ones([4, 8]) as tf.Tensor2D)).toThrow("add3: found shapes [8,4], [8,4] and [4,8]")
    })
  })
})
