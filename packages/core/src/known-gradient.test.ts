/** Derivatives of a categorical and gradients in closed form agree with compositions of TFJS operations. */
import { describe, expect, test } from "bun:test"
import { normals, seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { Categorical, goldCrossEntropy } from "./categorical.ts"
import { detached, withGradient } from "./known-gradient.ts"

const [R, V] = [4, 9]
const logits = () => tf.tensor2d(normals(R * V, 2, seeded(1, "logits")), [R, V])
const labels = () => tf.softmax(tf.tensor2d(normals(R * V, 2, seeded(1, "labels")), [R, V]))
const gold = () => tf.tensor1d([0, 8, 3, 3], "int32")
const oneHot = () => tf.cast(tf.oneHot(gold(), V), "float32")

type Rows = (z_RV: tf.Tensor2D) => tf.Tensor
const cross = (y: tf.Tensor, z: tf.Tensor) => tf.neg(tf.sum(tf.mul(y, tf.logSoftmax(z)), 1))

/** Compares both values, and both gradients of a weighted sum, so that a wrong use of dy would show. */
const agree = (fused: Rows, plain: Rows) => {
  const before = tf.memory().numTensors
  tf.tidy(() => {
    const dy_R = tf.tensor1d([1, -2, 0.5, 3])
    const [a, b] = [fused, plain].map((f) => {
      const { value, grad } = tf.valueAndGrad((z) => f(z as tf.Tensor2D))(logits(), dy_R)
      return [...value.dataSync(), ...grad.dataSync()]
    }) as [Array<number>, Array<number>]
    expect(a.length).toBe(R + R * V)
    for (const [i, x] of a.entries()) expect(Math.abs(x - b[i]!)).toBeLessThan(1e-5)
  })
  expect(tf.memory().numTensors).toBe(before)
}

describe("value and gradient", () => {
  test("entropy", () =>
    agree(
      (z) => new Categorical(z).entropy_R(),
      (z) => cross(tf.softmax(z), z),
    ))
  test("entropy at a temperature", () =>
    agree(
      (z) => new Categorical(z).entropy_R(2),
      (z) => cross(tf.softmax(tf.div(z, 2)), tf.div(z, 2)),
    ))
  test("cross-entropy against soft labels", () =>
    agree(
      (z) => new Categorical(z).crossEntropy_R(labels()),
      (z) => cross(labels(), z),
    ))
  test("negative log-likelihood of the gold token", () =>
    agree(
      (z) => new Categorical(z).nll_R(gold()),
      (z) => cross(oneHot(), z),
    ))
  test("log-probabilities, with ties for the largest", () => {
    const tied = (z: tf.Tensor) => tf.minimum(z, 0.5) as tf.Tensor2D
    agree(
      (z) => tf.sum(tf.mul(new Categorical(tied(z)).logP_RV(), labels()), 1),
      (z) => tf.neg(cross(labels(), tied(z))),
    )
  })
  test("a gradient in closed form", () =>
    agree(
      (z) =>
        withGradient(z, (x) => ({
          loss_R: tf.sum(tf.square(x), 1) as tf.Tensor1D,
          gradient_RV: tf.mul(x, 2) as tf.Tensor2D,
        })),
      (z) => tf.sum(tf.square(z), 1),
    ))
  test("a detached value is a constant", () =>
    agree(
      (z) => {
        const p_RV = new Categorical(z).p_RV()
        return tf.sum(
          tf.mul(
            p_RV,
            detached(() => tf.cast(tf.greater(p_RV, 0.1), "float32")),
          ),
          1,
        )
      },
      (z) => {
        const large = tf.cast(tf.greater(tf.softmax(logits()), 0.1), "float32")
        return tf.sum(tf.mul(tf.softmax(z), large), 1)
      },
    ))
})

test("the gold token's gradient is q - onehot", () => {
  tf.tidy(() => {
    const { gradient_RV } = goldCrossEntropy(logits(), gold())
    const expected = tf.sub(tf.softmax(logits()), oneHot()).dataSync()
    for (const [i, x] of gradient_RV.dataSync().entries()) expect(Math.abs(x - expected[i]!)).toBeLessThan(1e-6)
  })
})

test("large logits: exact to the rounding of the largest", () => {
  tf.tidy(() => {
    const far = new Categorical(tf.add(logits(), 1024) as tf.Tensor2D).logP_RV().dataSync()
    const near = new Categorical(logits()).logP_RV().dataSync()
    // One ulp of 1024 in the logit and one in the sum.
    for (const [i, x] of far.entries()) expect(Math.abs(x - near[i]!)).toBeLessThan(2.5e-4)
    const wide = new Categorical(tf.tensor2d([[0, 1e4, -1e4]]))
    expect([...wide.logP_RV().dataSync()]).toEqual([-1e4, 0, -2e4])
    expect(wide.entropy_R().dataSync()[0]).toBeCloseTo(0, 6)
  })
})

test("a gold token outside the vocabulary is refused", () => {
  tf.tidy(() => {
    expect(() => goldCrossEntropy(logits(), tf.tensor1d([0, 1, 2, V], "int32"))).toThrow(/9 is not in \[0, 8\]/)
  })
})

test("a categorical computes each thing once", () => {
  tf.tidy(() => {
    const c = new Categorical(logits())
    expect(c.p_RV(2)).toBe(c.p_RV(2))
    expect(c.logP_RV()).toBe(c.logP_RV())
    expect(c.entropy_R()).toBe(c.entropy_R())
    expect(c.p_RV(2)).not.toBe(c.p_RV(1))
  })
})
