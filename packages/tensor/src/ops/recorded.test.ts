/** A recording agrees with single ops, and refuses computations that it could not repeat. */
import { expect, test } from "bun:test"
import { tf } from "../tf.ts"
import { linear } from "./linear.ts"
import { layerNorm } from "./norms.ts"
import { type Recording, record } from "./recorded.ts"

const values = (...shape: Array<number>) => tf.randomNormal(shape, 0, 1, "float32", shape.length)

test("a recording equals the ops one by one, for other values and another free size, and leaks nothing", () => {
  const weight_ed = values(5, 4) as tf.Tensor2D
  const [gamma, beta] = [values(4), values(4)] as [tf.Tensor1D, tf.Tensor1D]
  const f = (x: tf.Tensor2D, past: tf.Tensor2D) => {
    const y = linear(layerNorm(x, gamma, beta, 1e-5), weight_ed)
    const [left, right] = tf.split(y, [2, 3], 1)
    return [tf.concat([past, tf.softmax(right!)], 0), tf.mul(tf.transpose(left!), 2)]
  }
  const before = tf.memory().numTensors
  const [first, past] = [values(3, 4) as tf.Tensor2D, values(2, 3) as tf.Tensor2D]
  const inputs = (x: tf.Tensor, p: tf.Tensor) => [x, p, weight_ed, gamma, beta]
  let recording: Recording = () => []
  tf.tidy(() => {
    recording = record(inputs(first, past), () => f(first, past)).recording
  })
  tf.tidy(() => {
    for (const rows of [2, 7]) {
      const [x, p] = [values(3, 4) as tf.Tensor2D, values(rows, 3) as tf.Tensor2D]
      const found = recording(inputs(x, p))
      const expected = f(x, p)
      for (const [i, y] of expected.entries()) {
        expect(found[i]!.shape).toEqual(y.shape)
        expect(tf.max(tf.abs(tf.sub(found[i]!, y))).dataSync()[0]!).toBeLessThan(1e-6)
      }
    }
  })
  tf.dispose([first, past])
  expect(tf.memory().numTensors).toBe(before)
})

test("a computation that could not be repeated is refused, and ops run as before", () => {
  const [x, other] = [values(2), values(2)]
  tf.dispose(tf.add(x, other))
  expect(() => record([x], () => [tf.add(x, other)])).toThrow("give it as an input")
  expect(() => record([x], () => [tf.mul(x, x.dataSync()[0]!)])).toThrow("read back")
  expect(() => record([x], () => [tf.cumsum(x)])).toThrow("Cumsum cannot be recorded")
  expect(tf.add(x, other).dataSync().length).toBe(2)
})
