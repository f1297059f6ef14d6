/**
 * Rows of a matrix by their numbers, and the way back: copies by native code, where TensorFlow's ops on one thread take as
 * long as a layer's attention.
 *
 * Letters: N rows of d numbers, M numbers of rows.
 */
import { backend } from "../engine.ts"
import { type FrozenMatrix, Halves, placeOf } from "../native/halves.ts"
import { address, type Native, native, output } from "../native/native.ts"
import { tf } from "../tf.ts"
import { customGrad } from "./custom-grad.ts"

const gathered = ({ C }: Native, matrix_Nd: FrozenMatrix, row_M: tf.Tensor1D, op: string): tf.Tensor2D => {
  const [N, d] = matrix_Nd.shape
  const y = output([row_M.size, d])
  const wrong = C.winnow_gather_rows(N, d, row_M.size, placeOf(matrix_Nd), address(row_M), y.address)
  if (wrong < 0) return y.tensor as tf.Tensor2D
  y.tensor.dispose()
  throw new Error(`${op}: id ${row_M.dataSync()[wrong]} at index ${wrong}, expected 0 to ${N - 1}`)
}

/** Numbers of the rows that native gradients have, while they are noted; by the tensor's data. */
const touched = new WeakMap<object, Int32Array>()
let notes = false

/** Runs a synchronous `f`, and notes the rows of the gradients of `gatherRows` in it, for `rowsTouched`. */
export const notingRows = <T>(f: () => T): T => {
  const before = notes
  notes = true
  try {
    return f()
  } finally {
    notes = before
  }
}

/** The rows of a float32 matrix with a number that is not +0, by looking at all of them. */
export const rowsNotZero = (x_Nd: tf.Tensor): Int32Array => {
  const [N, d] = x_Nd.shape as [number, number]
  const be = backend()
  return be.binding.lendTensor(be.getInputTensorIds([x_Nd])[0]!, (values) => {
    const { buffer, byteOffset, length } = values as Float32Array
    const bits = new Uint32Array(buffer, byteOffset, length)
    const rows: Array<number> = []
    for (let n = 0; n < N; n++) {
      let i = n * d
      const end = i + d
      while (i < end && bits[i] === 0) i++
      if (i < end) rows.push(n)
    }
    return Int32Array.from(rows)
  })
}

/** Numbers of rows outside of which a float32 matrix is 0, ascending: as they were noted, or by looking at all rows. */
export const rowsTouched = (x_Nd: tf.Tensor): Int32Array => {
  const noted = touched.get(x_Nd.dataId)
  if (noted === undefined) return rowsNotZero(x_Nd)
  const sorted = Int32Array.from(noted).sort()
  return sorted.filter((row, i) => i === 0 || row !== sorted[i - 1])
}

const scattered = ({ C }: Native, dy_Md: tf.Tensor, row_M: tf.Tensor, N: number): tf.Tensor2D => {
  const d = dy_Md.shape[1]!
  const sum = output([N, d])
  C.winnow_scatter_rows(N, d, row_M.size, address(dy_Md), address(row_M), sum.address)
  if (notes) touched.set(sum.tensor.dataId, row_M.dataSync().slice() as Int32Array)
  return sum.tensor as tf.Tensor2D
}

/**
 * Rows of a matrix, [M, d], differentiable in a matrix that is a tensor; the gradient adds the rows of one number in
 * their order, so repeated runs give equal gradients.
 *
 * @param row_M int32
 * @param op its name in errors
 * @error natively, for a number outside 0 to N - 1
 */
export const gatherRows = (matrix_Nd: FrozenMatrix, row_M: tf.Tensor1D, op = "gatherRows"): tf.Tensor2D => {
  if (matrix_Nd instanceof Halves) return gathered(matrix_Nd.native, matrix_Nd, row_M, op)
  const fast = native()
  if (fast === undefined || row_M.dtype !== "int32") return tf.gather(matrix_Nd, row_M)
  return customGrad(
    ([matrix], save) => {
      save([row_M])
      return {
        value: gathered(fast, matrix as tf.Tensor2D, row_M, op),
        gradFunc: (dy, [row]) => scattered(fast, dy, row!, matrix_Nd.shape[0]),
      }
    },
    [matrix_Nd],
  )
}

/** [N, d] with these rows at their numbers, rows of one number added, and 0 elsewhere; no gradient. @param row_M int32, 0 to N - 1 */
export const scatterRows = (rows_Md: tf.Tensor2D, row_M: tf.Tensor1D, N: number): tf.Tensor2D => {
  const fast = native()
  if (fast !== undefined) return scattered(fast, rows_Md, row_M, N)
  return tf.tidy(() => tf.scatterND(tf.reshape(row_M, [-1, 1]), rows_Md, [N, rows_Md.shape[1]]) as tf.Tensor2D)
}
