/**
 * The vocabulary head at chosen positions only.
 *
 * Letters: B sequences, T positions, R rows, d hidden size, V rows of the head: the vocabulary, or some ids of it.
 */
import type { Decoder } from "@winnow/core"
import { headLogits, tf } from "@winnow/tensor"

/** Logits [R, V] of hidden states [R, d]. */
export const logits = (model: Decoder, h_Rd: tf.Tensor2D): tf.Tensor2D =>
  headLogits(h_Rd, model.frozenHead_Vd, model.architecture.logitCap)

/** Logits [B * last, V] of the last positions of hidden states [B, T, d]; the head skips the other positions. */
export const lastLogits = (model: Decoder, h_BTd: tf.Tensor3D, last = 1): tf.Tensor2D => {
  const [B, T, d] = h_BTd.shape
  const h = T === last ? h_BTd : tf.slice(h_BTd, [0, T - last, 0], [B, last, d])
  return logits(model, tf.reshape(h, [B * last, d]))
}

/** Ids as the tensor [B, T] that a model takes. */
export const idsTensor = (ids: ArrayLike<number>, B: number, T: number): tf.Tensor2D =>
  tf.tensor2d(Int32Array.from(ids), [B, T], "int32")

/**
 * The most probable token of each row, computed on the device: R numbers are read back, not R * V.
 * Of equal logits it is the lowest id, as in `argmax`; a test checks TensorFlow's behaviour.
 */
export const argmaxRows = (logits_RV: tf.Tensor2D): Int32Array => tf.argMax(logits_RV, 1).dataSync() as Int32Array

/**
 * The most probable token of each row with its margin: largest logit minus second largest, infinite at V = 1.
 *
 * TensorFlow's TopK also gives the lowest of equal ids, but takes several times as long as its ArgMax.
 */
export const argmaxWithMargin = (
  logits_RV: tf.Tensor2D,
): { readonly argmax: Int32Array; readonly margin: Float32Array } => {
  const [R, V] = logits_RV.shape
  const k = Math.min(2, V)
  const { values, indices } = tf.topk(logits_RV, k)
  const [top, id] = [values.dataSync(), indices.dataSync()]
  return {
    argmax: Int32Array.from({ length: R }, (_, r) => id[r * k]!),
    margin: Float32Array.from({ length: R }, (_, r) =>
      k === 2 ? top[2 * r]! - top[2 * r + 1]! : Number.POSITIVE_INFINITY,
    ),
  }
}

/** Row r of a matrix on the host, without a copy. */
export const row = (values: Float32Array, r: number, V: number): Float32Array => values.subarray(r * V, (r + 1) * V)
