/**
 * Products of matrices, each by the TensorFlow op that is quick at its shape.
 *
 * TFJS sends a product of rank 2 to `BatchMatMulV2`. Measured on 2 cores: for few rows its set-up costs four times the
 * product ([1, 256] x [256, 1024]: 87 us against 24 us by `MatMul`), for many columns it is the quicker of the two
 * ([128, 512] x [512, 50304]: 36 ms against 53 ms, [26, 512]: 32 ms by `MatMul`), between them they agree.
 *
 * Letters: N rows, d inputs, e outputs.
 */
import { attribute } from "../binding/attributes.ts"
import { tf } from "../tf.ts"
import { customGrad } from "./custom-grad.ts"
import { floatType, runOp } from "./run.ts"

/** Whether `BatchMatMulV2` is at least as quick: many rows, or a vocabulary of columns and more than a few rows. */
const wantsBatch = (rows: number, columns: number) => rows >= 96 || (rows >= 16 && columns >= 4096)

/**
 * a . b for matrices, either of them transposed. Not recorded for autodiff: see `linear`.
 *
 * @error if the inner sizes differ: says the op, both shapes and the dtypes
 */
export const product = (a: tf.Tensor2D, b: tf.Tensor2D, transposeA = false, transposeB = false): tf.Tensor2D => {
  return wantsBatch(a.shape[transposeA ? 1 : 0]!, b.shape[transposeB ? 0 : 1]!)
    ? (runOp(
        "BatchMatMulV2",
        [attribute.bool("adj_x", transposeA), attribute.bool("adj_y", transposeB), floatType()],
        [a, b],
      ) as tf.Tensor2D)
    : (runOp(
        "MatMul",
        [attribute.bool("transpose_a", transposeA), attribute.bool("transpose_b", transposeB), floatType()],
        [a, b],
      ) as tf.Tensor2D)
}

const addBias = (y_Ne: tf.Tensor2D, bias_e: tf.Tensor1D): tf.Tensor2D => {
  const biased = runOp("BiasAdd", [floatType()], [y_Ne, bias_e]) as tf.Tensor2D
  y_Ne.dispose()
  return biased
}

/**
 * x . weight^T + bias, differentiable: a linear layer in the layout of Hugging Face checkpoints.
 *
 * @param x_Nd rows of inputs
 * @param weight_ed [outputs, inputs]
 * @returns [N, e]
 */
export const linear = (x_Nd: tf.Tensor2D, weight_ed: tf.Tensor2D, bias_e?: tf.Tensor1D): tf.Tensor2D =>
  customGrad(
    ([x, w, b], save) => {
      save([x!, w!])
      const y_Ne = product(x as tf.Tensor2D, w as tf.Tensor2D, false, true)
      return {
        value: b === undefined ? y_Ne : addBias(y_Ne, b as tf.Tensor1D),
        gradFunc: (dy, [x, w]) => {
          const dx = product(dy as tf.Tensor2D, w as tf.Tensor2D)
          const dw = product(dy as tf.Tensor2D, x as tf.Tensor2D, true, false)
          return b === undefined ? [dx, dw] : [dx, dw, tf.sum(dy, 0)]
        },
      }
    },
    bias_e === undefined ? [x_Nd, weight_ed] : [x_Nd, weight_ed, bias_e],
  )
