/** Rows of the embedding matrix. */
import { attribute, customGrad, DType, runOp, tf } from "@winnow/tensor"

/**
 * weight[ids], differentiable in the weight: [N, d] of a [V, d] matrix.
 *
 * `tf.gather` reads the ids back to check them, which stalls a GPU and cannot be recorded; the op checks them itself.
 * @error on the CPU, for an id outside 0 to V - 1
 */
export const embedding = (weight_Vd: tf.Tensor2D, ids_N: tf.Tensor1D): tf.Tensor2D =>
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
