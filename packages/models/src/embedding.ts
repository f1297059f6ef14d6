/** Rows of the embedding matrix. */
import { attribute, customGrad, DType, type FrozenMatrix, gatherRows, Halves, native, runOp, tf } from "@winnow/tensor"

/** `embedding` of TensorFlow ops. */
export const plainEmbedding = (weight_Vd: tf.Tensor2D, ids_N: tf.Tensor1D): tf.Tensor2D =>
  customGrad(
    ([weight], save) => {
      save([ids_N])
      const attributes = [
        attribute.type("Tparams", DType.float32),
        attribute.type("Tindices", DType.int32),
        attribute.type("Taxis", DType.int32),
        attribute.int("batch_dims", 0),
      ]
      return {
        value: runOp("GatherV2", attributes, [weight!, ids_N, tf.scalar(0, "int32")]),
        gradFunc: (dy, [ids]) => tf.unsortedSegmentSum(dy, ids as tf.Tensor1D, weight_Vd.shape[0]),
      }
    },
    [weight_Vd],
  )

/**
 * weight[ids], differentiable in a weight that is a tensor: [N, d] of a [V, d] matrix.
 *
 * `tf.gather` reads the ids back to check them: this stalls a GPU and cannot be recorded. The op checks them itself.
 * The gradient adds the rows of an id in their order, so repeated runs give equal gradients.
 * @error on the CPU, for an id outside 0 to V - 1
 */
export const embedding = (weight_Vd: FrozenMatrix, ids_N: tf.Tensor1D): tf.Tensor2D => {
  if (weight_Vd instanceof Halves) return tf.tidy(() => gatherRows(weight_Vd, tf.cast(ids_N, "int32"), "embedding"))
  if (native() === undefined || ids_N.dtype !== "int32") return plainEmbedding(weight_Vd, ids_N)
  return gatherRows(weight_Vd, ids_N, "embedding")
}
