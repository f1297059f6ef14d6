/** A reshaped tensor has the values of its source, lives on without it, and leaves nothing behind. */
import { expect, test } from "bun:test"
import { backend, openEngine } from "./engine.ts"
import { withoutNative } from "./native/native.ts"
import { tf } from "./tf.ts"

await openEngine()

const handles = () => backend().binding.getNumOfTensors()

test("values and shape, of each dtype, also of a computed tensor", () =>
  tf.tidy(() => {
    for (const dtype of ["float32", "int32", "bool"] as const) {
      const x = tf.tensor2d([1, 0, 1, 1, 0, 0], [2, 3], dtype)
      const computed = tf.reverse(x, 1)
      for (const source of [x, computed])
        for (const shape of [[6], [3, 2], [1, 2, 3], [-1, 2]]) {
          const view = tf.reshape(source, shape)
          expect(view.dtype).toBe(dtype)
          expect(view.shape).toEqual(shape[0] === -1 ? [3, 2] : shape)
          expect([...view.dataSync()]).toEqual([...source.dataSync()])
        }
    }
    expect(tf.reshape(tf.tensor1d(["a", "b"]), [2, 1]).shape).toEqual([2, 1])
    expect(tf.reshape(tf.zeros([0, 3]), [3, 0]).shape).toEqual([3, 0])
    expect([...tf.reshape(tf.tensor1d([7]), []).dataSync()]).toEqual([7])
  }))

test("ops take a view by its own shape, and its source may go first", () => {
  const [tensors, before] = [tf.memory().numTensors, handles()]
  const x = tf.tidy(() => tf.add(tf.tensor1d([1, 2, 3, 4, 5, 6]), 0))
  const view = tf.reshape(x, [2, 3]) as tf.Tensor2D
  x.dispose()
  const rows = tf.tidy(() => tf.sum(view, 1))
  expect([...rows.dataSync()]).toEqual([6, 15])
  tf.dispose([view, rows])
  expect([tf.memory().numTensors, handles()]).toEqual([tensors, before])
})

test("a view has a gradient, as the op has", () =>
  tf.tidy(() => {
    const gradient = () =>
      tf.grad((x) => tf.sum(tf.square(tf.reshape(x, [3, 2]).matMul(tf.tensor2d([1, 2], [2, 1])))))(
        tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]),
      )
    expect([...gradient().dataSync()]).toEqual([...withoutNative(gradient).dataSync()])
  }))

test("another number of elements is refused", () =>
  tf.tidy(() => {
    const x = tf.add(tf.tensor1d([1, 2, 3, 4]), 0)
    expect(() => tf.reshape(x, [3])).toThrow()
    expect([...tf.reshape(x, [2, 2]).dataSync()]).toEqual([1, 2, 3, 4])
  }))
