/** Cross-entropy against soft labels by TensorFlow's fused kernel: one pass gives the loss and its gradient. */
import type { tf } from "../tf.ts"
import { floatType, runOpMultiple } from "./run.ts"

/**
 * -sum_v labels_v log softmax(logits)_v per row, and its derivative by the logits, softmax(logits) - labels.
 *
 * @param labels_RV rows that sum to 1
 */
export const crossEntropyWithLogits = (
  logits_RV: tf.Tensor2D,
  labels_RV: tf.Tensor2D,
): { loss_R: tf.Tensor1D; gradient_RV: tf.Tensor2D } => {
  const [loss_R, gradient_RV] = runOpMultiple("SoftmaxCrossEntropyWithLogits", [floatType()], [logits_RV, labels_RV], 2)
  return { loss_R: loss_R as tf.Tensor1D, gradient_RV: gradient_RV as tf.Tensor2D }
}
