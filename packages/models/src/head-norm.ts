/**
 * The RMS norm of each head of queries and keys.
 *
 * Letters: N tokens, h head size, Q query heads, G key-value heads.
 */
import { rmsNorm, tf } from "@winnow/tensor"
import type { HeadLayout } from "./head-layout.ts"

/**
 * Packed projections of kinds, [N, (Q + 2 G) h], with each head of queries and of keys normalised; values pass.
 *
 * @param queries_h the scale of each query head
 * @param keys_h the scale of each key head
 */
export const headNorm = (
  packed_Nc: tf.Tensor2D,
  { heads: Q, kvHeads: G, headSize: h }: HeadLayout,
  queries_h: tf.Tensor1D,
  keys_h: tf.Tensor1D,
  eps: number,
): tf.Tensor2D => {
  const N = packed_Nc.shape[0]
  const [q, k, v] = tf.split(packed_Nc, [Q * h, G * h, G * h], 1) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D]
  const each = (x: tf.Tensor2D, heads: number, scale_h: tf.Tensor1D) =>
    tf.reshape(rmsNorm(tf.reshape(x, [N * heads, h]), scale_h, eps), [N, heads * h]) as tf.Tensor2D
  return tf.concat([each(q, Q, queries_h), each(k, G, keys_h), v], 1)
}
