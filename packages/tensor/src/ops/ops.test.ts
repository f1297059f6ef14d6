/** Each op agrees with a composition of TFJS ops: values and all gradients, and no tensor is left. */
import { describe, expect, test } from "bun:test"
import { normals, seeded } from "@winnow/numerics"
import { tf } from "../tf.ts"
import { add3, gelu, geluTanh, siluGate } from "./activations.ts"
import { linear, product } from "./linear.ts"
import { layerNorm, rmsNorm } from "./norms.ts"

const random = <T extends tf.Tensor>(name: string, shape: Array<number>): T =>
  tf.tensor(
    normals(
      shape.reduce((a, b) => a * b, 1),
      1,
      seeded(1, name),
    ),
    shape,
  ) as T

type Op = (...inputs: Array<tf.Tensor>) => tf.Tensor

/** Largest difference of value and gradients, relative to the largest entry: float32 sums of up to 512 terms. */
const agree = (fast: Op, plain: Op, shapes: ReadonlyArray<Array<number>>, tolerance = 2e-5) => {
  const before = tf.memory().numTensors
  tf.tidy(() => {
    const inputs = shapes.map((shape, i) => random(`in${i}`, shape))
    const dy = random("dy", plain(...inputs).shape)
    const [a, b] = [fast, plain].map((op) => {
      const { value, grads } = tf.valueAndGrads((...x: Array<tf.Tensor>) => op(...x))(inputs, dy)
      return [value, ...grads]
    }) as [Array<tf.Tensor>, Array<tf.Tensor>]
    for (const [i, x] of a.entries()) {
      expect(x.shape).toEqual(b[i]!.shape)
      const largest = Math.max(1, tf.max(tf.abs(b[i]!)).dataSync()[0]!)
      expect(tf.max(tf.abs(tf.sub(x, b[i]!))).dataSync()[0]! / largest).toBeLessThan(tolerance)
    }
  })
  expect(tf.memory().numTensors).toBe(before)
}
const as = (op: unknown) => op as Op

describe("linear", () => {
  for (const N of [1, 7, 130])
    test(`${N} rows, with and without bias`, () => {
      const plain = (x: tf.Tensor, w: tf.Tensor) => tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D, false, true)
      agree(as(linear), as(plain), [
        [N, 32],
        [48, 32],
      ])
      agree(
        as(linear),
        as((x: tf.Tensor, w: tf.Tensor, b: tf.Tensor) => tf.add(plain(x, w), b)),
        [[N, 32], [48, 32], [48]],
      )
    })
  test("shapes that do not fit are named", () => {
    tf.tidy(() => {
      expect(() => product(tf.ones([2, 3]), tf.ones([2, 3]))).toThrow(/MatMul[\s\S]*2,3/)
      expect(() => product(tf.ones([200, 3]), tf.ones([2, 3]))).toThrow(/MatMul[\s\S]*200,3/)
    })
  })
})

describe("norms", () => {
  const normed = (x: tf.Tensor, centred: boolean) => {
    const c = centred ? tf.sub(x, tf.mean(x, 1, true)) : x
    return tf.div(c, tf.sqrt(tf.add(tf.mean(tf.square(c), 1, true), 1e-5)))
  }
  test("layer norm", () =>
    agree(
      as((x: tf.Tensor2D, g: tf.Tensor1D, b: tf.Tensor1D) => layerNorm(x, g, b, 1e-5)),
      as((x: tf.Tensor, g: tf.Tensor, b: tf.Tensor) => tf.add(tf.mul(normed(x, true), g), b)),
      [[9, 24], [24], [24]],
    ))
  test("RMS norm", () =>
    agree(
      as((x: tf.Tensor2D, g: tf.Tensor1D) => rmsNorm(x, g, 1e-5)),
      as((x: tf.Tensor, g: tf.Tensor) => tf.mul(normed(x, false), g)),
      [[9, 24], [24]],
    ))
})

describe("activations", () => {
  test("GELU", () =>
    agree(
      as(gelu),
      as((x: tf.Tensor) => tf.mul(tf.mul(x, 0.5), tf.add(1, tf.erf(tf.mul(x, Math.SQRT1_2))))),
      [[5, 16]],
    ))
  test("GELU with tanh", () =>
    agree(
      as(geluTanh),
      as((x: tf.Tensor) => {
        const u = tf.mul(tf.add(x, tf.mul(tf.pow(x, 3), 0.044715)), Math.sqrt(2 / Math.PI))
        return tf.mul(tf.mul(x, 0.5), tf.add(1, tf.tanh(u)))
      }),
      [[5, 16]],
    ))
  test("SiLU gate", () =>
    agree(
      as(siluGate),
      as((x: tf.Tensor) => {
        const [g, u] = tf.split(x, 2, 1)
        return tf.mul(tf.mul(g!, tf.sigmoid(g!)), u!)
      }),
      [[5, 32]],
    ))
  test("the sum of three", () =>
    agree(
      as(add3),
      as((a: tf.Tensor, b: tf.Tensor, c: tf.Tensor) => tf.add(tf.add(a, b), c)),
      [
        [3, 7],
        [3, 7],
        [3, 7],
      ],
    ))
})
