/**
 * Values whose derivative TFJS cannot find, or should not find: for losses built on an op that is not on autodiff's
 * tape.
 *
 * Letters: R rows of a chunk, V vocabulary.
 */
import { customGrad, tf } from "@winnow/tensor"

/** A loss per row and its derivative by the logits of that row. */
export interface RowLoss {
  readonly loss_R: tf.Tensor1D
  readonly gradient_RV: tf.Tensor2D
}

/**
 * The loss of `rowLoss`, differentiable by `logits_RV` only: its other inputs count as constants.
 *
 * TensorFlow ops run by name (`runOp`) are not on the tape: a loss built on one would silently get a wrong gradient if
 * its tensors also reach the result another way.
 */
export const withGradient = (logits_RV: tf.Tensor2D, rowLoss: (logits_RV: tf.Tensor2D) => RowLoss): tf.Tensor1D =>
  customGrad(
    ([logits], save) => {
      const { loss_R, gradient_RV } = rowLoss(logits as tf.Tensor2D)
      save([gradient_RV])
      return { value: loss_R, gradFunc: (dy, [gradient_RV]) => tf.mul(tf.expandDims(dy, 1), gradient_RV!) }
    },
    [logits_RV],
  )

/**
 * The result of `make` as a constant: no tensor of it is on the tape. TFJS has no stopGradient of its own.
 *
 * Read the values of a `Categorical` that `make` uses before the call: a tensor computed inside would end with it.
 */
export const detached = <T extends tf.Tensor>(make: () => T): T =>
  customGrad(() => ({ value: make(), gradFunc: () => [] }), [])
