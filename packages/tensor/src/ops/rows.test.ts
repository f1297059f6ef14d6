/** Rows taken and put back by native code equal TensorFlow's, value and gradient, bit for bit. */
import { expect, test } from "bun:test"
import { normals, seeded } from "@winnow/numerics"
import { openEngine } from "../engine.ts"
import { withoutNative } from "../native/native.ts"
import { tf } from "../tf.ts"
import { gatherRows, scatterRows } from "./rows.ts"

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
