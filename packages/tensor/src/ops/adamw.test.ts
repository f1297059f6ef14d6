/** AdamW against the textbook formula in double precision, on hand-made gradients. */
import { expect, test } from "bun:test"
import { normals, seeded } from "@winnow/numerics"
import { backend } from "../engine.ts"
import { native, withoutNative } from "../native/native.ts"
import { tf } from "../tf.ts"
import { AdamW } from "./adamw.ts"

const options = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 }
const gradientAt = (step: number, n: number) => normals(n, 0.3, seeded(5, "g", step))

/** A variable that owns its only tensor. */
const variable = (values: Float32Array, shape: Array<number>) => tf.tidy(() => tf.variable(tf.tensor(values, shape)))

/** The same update, one number at a time. */
const reference = (start: ArrayLike<number>, steps: number, lr: number, scale: number, decay: boolean) => {
  const [p, m, v] = [Float64Array.from(start), new Float64Array(start.length), new Float64Array(start.length)]
  for (let t = 1; t <= steps; t++) {
    const g = gradientAt(t, p.length)
    for (let i = 0; i < p.length; i++) {
      const gi = g[i]! * scale
      m[i] = options.beta1 * m[i]! + (1 - options.beta1) * gi
      v[i] = options.beta2 * v[i]! + (1 - options.beta2) * gi * gi
      const mhat = m[i]! / (1 - options.beta1 ** t)
      const vhat = v[i]! / (1 - options.beta2 ** t)
      p[i] = p[i]! * (1 - (decay ? lr * options.weightDecay : 0)) - (lr * mhat) / (Math.sqrt(vhat) + options.epsilon)
    }
  }
  return p
}

const counts = () => [tf.memory().numTensors, backend().binding.getNumOfTensors()]

/** Both ways to compute; the constructor chooses one. */
const ways = [
  ["native", <T>(make: () => T) => make()],
  ["plain", withoutNative],
] as const

for (const [way, as] of native() === undefined ? ways.slice(1) : ways) {
  for (const scale of [1, 0.25])
    test(`${way}: five steps are the formula's, gradients scaled by ${scale}; nothing is left over`, () => {
      const before = counts()
      const start = normals(12, 1, seeded(5, "start"))
      const matrix = variable(start, [3, 4])
      const vector = variable(start, [12])
      const named = new Map([
        ["matrix", matrix],
        ["vector", vector],
      ])
      const optimizer = as(() => new AdamW(named, options))
      const settled = counts()
      for (let t = 1; t <= 5; t++) {
        const g = gradientAt(t, 12)
        const gradients = { matrix: tf.tensor2d(g, [3, 4]), vector: tf.tensor1d(g) }
        optimizer.apply(gradients, 0.01, scale)
        tf.dispose(gradients)
        expect(counts()).toEqual(settled)
      }
      // float32 state and float32 betas: 1e-5 of a step of 0.01 each time.
      const close = (x: Float32Array, y: Float64Array) => {
        for (const [i, value] of x.entries()) expect(Math.abs(value - y[i]!)).toBeLessThan(2e-6)
      }
      close(matrix.dataSync() as Float32Array, reference(start, 5, 0.01, scale, true))
      close(vector.dataSync() as Float32Array, reference(start, 5, 0.01, scale, false))
      optimizer.dispose()
      expect(matrix.dataSync()[0]).toBeFinite()
      matrix.dispose()
      vector.dispose()
      expect(counts()).toEqual(before)
    })

  test(`${way}: weights and moments taken from a checkpoint go on to the same numbers, bit by bit`, () => {
    const run = (from: number, to: number, values: Float32Array, state?: Record<string, Float32Array>) => {
      const w = variable(values, [3, 4])
      const optimizer = as(() => new AdamW(new Map([["w", w]]), options))
      optimizer.steps = from
      if (state) for (const which of ["m", "v"] as const) optimizer.writeMoment("w", which, state[which]!)
      for (let t = from + 1; t <= to; t++)
        tf.tidy(() => optimizer.apply({ w: tf.tensor2d(gradientAt(t, 12), [3, 4]) }, 0.01))
      const out = {
        w: w.dataSync().slice() as Float32Array,
        state: { m: optimizer.readMoment("w", "m").slice(), v: optimizer.readMoment("w", "v").slice() },
      }
      optimizer.dispose()
      w.dispose()
      return out
    }
    const start = normals(12, 1, seeded(5, "start"))
    const whole = run(0, 7, start)
    const half = run(0, 3, start)
    const rest = run(3, 7, half.w, half.state)
    expect(rest).toEqual(whole)
  })

  test(`${way}: what shares the weights' memory before does not change with them`, () => {
    const start = tf.tensor1d([1, 2, 3, 4])
    const view = tf.reshape(start, [2, 2])
    const w = tf.tidy(() => tf.variable(tf.split(view, [1, 1], 0)[0]!))
    const optimizer = as(() => new AdamW(new Map([["w", w]]), options))
    const gradient = tf.ones([1, 2])
    optimizer.apply({ w: gradient }, 0.1)
    expect(Array.from(start.dataSync())).toEqual([1, 2, 3, 4])
    expect(w.dataSync()[0]).toBeLessThan(0.95)
    optimizer.dispose()
    tf.dispose([start, view, w, gradient])
  })
}

test("a gradient of another shape is refused before anything changes", () => {
  const w = variable(Float32Array.of(1, 1, 1, 1), [2, 2])
  const optimizer = new AdamW(new Map([["w", w]]), options)
  const wrong = tf.ones([4])
  expect(() => optimizer.apply({ w: wrong }, 0.1)).toThrow("the gradient of w is [4], the parameter is [2,2]")
  expect(() => optimizer.apply({ u: wrong }, 0.1)).toThrow("no parameter u; it has w")
  expect(() => optimizer.apply({}, 10)).toThrow("learning rate 10 x weight decay 0.1 must be below 1")
  expect(optimizer.steps).toBe(0)
  optimizer.dispose()
  tf.dispose([w, wrong])
})
