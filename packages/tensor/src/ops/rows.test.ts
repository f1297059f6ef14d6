/** Rows taken and put back by native code equal TensorFlow's, value and gradient, bit for bit. */
import { expect, test } from "bun:test"
import { normals, seeded } from "@winnow/numerics"
import { openEngine } from "../engine.ts"
import { withoutNative } from "../native/native.ts"
import { tf } from "../tf.ts"
import { gatherRows, notingRows, rowsNotZero, rowsTouched, scatterRows } from "./rows.ts"

await openEngine()

const matrix = (name: string, N: number, d: number) => tf.tensor2d(normals(N * d, 1, seeded(3, name)), [N, d])
const numbers = (x: tf.Tensor) => [...x.dataSync()]

for (const [N, d, rows] of [
  [1, 1, [0]],
  [5, 3, [4, 0, 0, 2]],
  [40, 33, [39, 1, 7, 7, 7, 12]],
  [6, 4, []],
] as const)
  test(`rows [${rows}] of [${N}, ${d}], and their gradient`, () => {
    const before = tf.memory().numTensors
    tf.tidy(() => {
      const [x, row, dy] = [matrix("x", N, d), tf.tensor1d([...rows], "int32"), matrix("dy", rows.length, d)]
      const both = (op: (x: tf.Tensor2D) => tf.Tensor2D) => tf.valueAndGrad(op)(x, dy)
      const [fast, plain] = [both((x) => gatherRows(x, row)), both((x) => tf.gather(x, row))]
      expect(numbers(fast.value)).toEqual(numbers(plain.value))
      expect(numbers(fast.grad)).toEqual(numbers(plain.grad))
      const back = scatterRows(dy, row, N)
      expect(back.shape).toEqual([N, d])
      expect(numbers(back)).toEqual(numbers(withoutNative(() => scatterRows(dy, row, N))))
    })
    expect(tf.memory().numTensors).toBe(before)
  })

test("a number of no row is refused", () =>
  tf.tidy(() => {
    const row = tf.tensor1d([0, 3], "int32")
    expect(() => gatherRows(matrix("x", 3, 2), row)).toThrow("gatherRows: id 3 at index 1, expected 0 to 2")
  }))

test("the rows that a gradient touches are noted, and found by looking where they are not", () =>
  tf.tidy(() => {
    const [x, row] = [matrix("x", 40, 33), tf.tensor1d([39, 1, 7, 7, 0, 12], "int32")]
    const gradient = () => tf.grad((x) => gatherRows(x as tf.Tensor2D, row))(x, matrix("dy", 6, 33))
    const [noted, plain] = [notingRows(gradient), gradient()]
    for (const of of [noted, plain, noted.clone()]) expect([...rowsTouched(of)]).toEqual([0, 1, 7, 12, 39])
    expect([...rowsNotZero(noted)]).toEqual([0, 1, 7, 12, 39])
    // A row of zeros that a batch read is noted, and is not to be found by looking.
    const still = () => tf.grad((x) => gatherRows(x as tf.Tensor2D, row))(x, tf.zeros([6, 33]))
    expect([...rowsTouched(notingRows(still))]).toEqual([0, 1, 7, 12, 39])
    expect([...rowsTouched(still())]).toEqual([])
    expect([...rowsNotZero(tf.tensor2d([0, -0, 0, 0, 0, 1], [3, 2]))]).toEqual([0, 2])
  }))
