/** Rows of the embedding matrix. */
import {
  address,
  attribute,
  customGrad,
  DType,
  type FrozenMatrix,
  Halves,
  type Native,
  native,
  output,
  placeOf,
  runOp,
  tf,
} from "@winnow/tensor"

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

/** Rows of a matrix in either form, by native code. @error for an id outside 0 to V - 1 */
const gathered = ({ C }: Native, weight_Vd: FrozenMatrix, ids_N: tf.Tensor1D): tf.Tensor2D => {
  const [V, d] = weight_Vd.shape
  const y = output([ids_N.size, d])
  const wrong = C.winnow_gather_rows(V, d, ids_N.size, placeOf(weight_Vd), address(ids_N), y.address)
  if (wrong < 0) return y.tensor as tf.Tensor2D
  y.tensor.dispose()
  throw new Error(`embedding: id ${ids_N.dataSync()[wrong]} at index ${wrong}, expected 0 to ${V - 1}`)
}

/**
 * weight[ids], differentiable in a weight that is a tensor: [N, d] of a [V, d] matrix.
 *
 * `tf.gather` reads the ids back to check them: this stalls a GPU and cannot be recorded. The op checks them itself.
 * The gradient adds the rows of an id in their order, so repeated runs give equal gradients.
 * @error on the CPU, for an id outside 0 to V - 1
 */
export const embedding = (weight_Vd: FrozenMatrix, ids_N: tf.Tensor1D): tf.Tensor2D => {
  if (weight_Vd instanceof Halves) return tf.tidy(() => gathered(weight_Vd.native, weight_Vd, tf.cast(ids_N, "int32")))
  const fast = native()
  if (fast === undefined || ids_N.dtype !== "int32") return plainEmbedding(weight_Vd, ids_N)
  const [V, d] = weight_Vd.shape
  return customGrad(
    ([weight], save) => {
      const value = gathered(fast, weight as tf.Tensor2D, ids_N)
      save([ids_N])
      return {
        value,
        gradFunc: (dy, [ids]) => {
          const dWeight = output([V, d])
          fast.C.winnow_scatter_rows(V, d, ids_N.size, address(dy), address(ids!), dWeight.address)
          return dWeight.tensor
        },
      }
    },
    [weight_Vd],
  )
}
