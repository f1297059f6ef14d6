/** Rows of the embedding matrix. */
import { address, attribute, customGrad, DType, native, output, runOp, tf } from "@winnow/tensor"

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
 * weight[ids], differentiable in the weight: [N, d] of a [V, d] matrix.
 *
 * `tf.gather` reads the ids back to check them: this stalls a GPU and cannot be recorded. The op checks them itself.
 * The gradient adds the rows of an id in their order, so repeated runs give equal gradients.
 * @error on the CPU, for an id outside 0 to V - 1
 */
export const embedding = (weight_Vd: tf.Tensor2D, ids_N: tf.Tensor1D): tf.Tensor2D => {
  const fast = native()
  if (fast === undefined || ids_N.dtype !== "int32") return plainEmbedding(weight_Vd, ids_N)
  const { C } = fast
  const [V, d] = weight_Vd.shape
  const N = ids_N.size
  return customGrad(
    ([weight], save) => {
      const y = output([N, d])
      const wrong = C.winnow_gather_rows(V, d, N, address(weight!), address(ids_N), y.address)
      if (wrong >= 0)
        throw new Error(`embedding: id ${ids_N.dataSync()[wrong]} at index ${wrong}, expected 0 to ${V - 1}`)
      save([ids_N])
      return {
        value: y.tensor,
        gradFunc: (dy, [ids]) => {
          const dWeight = output([V, d])
          C.winnow_scatter_rows(V, d, N, address(dy), address(ids!), dWeight.address)
          return dWeight.tensor
        },
      }
    },
    [weight_Vd],
  )
}
