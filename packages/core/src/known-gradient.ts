/**
 * Values per row whose derivative by the logits is known in closed form, so that autodiff can use it.
 *
 * TensorFlow's fused kernels are not on TFJS's tape: a loss built on one would get a wrong gradient, silently, where
 * its tensors also flow some other way. `withGradient` puts them there.
 *
 * Letters: R rows of a chunk, V vocabulary.
 */
import { floatType, runOpMultiple, tf } from "@winnow/tensor"

/** A loss per row and its derivative by the logits of that row. */
export interface RowLoss {
  readonly loss_R: tf.Tensor1D
  readonly gradient_RV: tf.Tensor2D
}

/** The loss of `rowLoss`, differentiable by `logits_RV` alone: whatever else it reads counts as constant. */
export const withGradient = (logits_RV: tf.Tensor2D, rowLoss: (logits_RV: tf.Tensor2D) => RowLoss): tf.Tensor1D =>
  tf.customGrad((logits, save) => {
    const { loss_R, gradient_RV } = rowLoss(logits as tf.Tensor2D)
    ;(save as tf.GradSaveFunc)([gradient_RV])
    return { value: loss_R, gradFunc: (dy, saved) => [tf.mul(tf.expandDims(dy, 1), saved[0]!)] }
  })(logits_RV) as tf.Tensor1D

/**
 * What `make` computes, as a constant: nothing in it is put on autodiff's tape. TFJS has no stopGradient of its own.
 *
 * Call what `make` uses of a `Categorical` before it, so that a memoised tensor is not first made off the tape.
 */
export const detached = <T extends tf.Tensor>(make: () => T): T =>
  tf.customGrad(() => ({ value: make(), gradFunc: () => [] }))() as T

/**
 * -log softmax(logits)[gold] per row and its derivative softmax(logits) - onehot(gold), by one fused kernel.
 *
 * @error if a gold token is outside 0..V-1, by TensorFlow (on a GPU the row is NaN instead)
 */
export const goldCrossEntropy = (logits_RV: tf.Tensor2D, gold_R: tf.Tensor1D): RowLoss => {
  const [loss_R, gradient_RV] = runOpMultiple(
    "SparseSoftmaxCrossEntropyWithLogits",
    [floatType(), { ...floatType("Tlabels"), value: int32 }],
    [logits_RV, gold_R],
    2,
  )
  return { loss_R: loss_R as tf.Tensor1D, gradient_RV: gradient_RV as tf.Tensor2D }
}

/** TensorFlow's number for the type int32. */
const int32 = 3
