/**
 * The RMS norm of each head of queries and keys in packed projections, with its gradient: native, or of TFJS ops.
 *
 * Letters: N tokens, h head size, Q query heads, G key-value heads.
 */
import { address, type Native, native, output } from "../native/native.ts"
import { tf } from "../tf.ts"
import { customGrad } from "./custom-grad.ts"
import { plainRmsNorm, type rmsNorm } from "./norms.ts"

/** The heads of packed rows. */
export interface PackedHeads {
  /** Q */
  readonly heads: number
  /** G */
  readonly kvHeads: number
  /** h */
  readonly headSize: number
}

/** `headNorm` of TFJS ops. @param norm of rows [N Q, h]; of TFJS ops too if left out */
export const plainHeadNorm = (
  packed_Nc: tf.Tensor2D,
  { heads: Q, kvHeads: G, headSize: h }: PackedHeads,
  queries_h: tf.Tensor1D,
  keys_h: tf.Tensor1D,
  eps: number,
  norm: typeof rmsNorm = plainRmsNorm,
): tf.Tensor2D => {
  const N = packed_Nc.shape[0]
  const [q, k, v] = tf.split(packed_Nc, [Q * h, G * h, G * h], 1) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D]
  const each = (x: tf.Tensor2D, heads: number, scale_h: tf.Tensor1D) =>
    tf.reshape(norm(tf.reshape(x, [N * heads, h]), scale_h, eps), [N, heads * h]) as tf.Tensor2D
  return tf.concat([each(q, Q, queries_h), each(k, G, keys_h), v], 1)
}

const nativeHeadNorm = (
  { C }: Native,
  inputs: readonly [tf.Tensor2D, tf.Tensor1D, tf.Tensor1D],
  { heads: Q, kvHeads: G, headSize: h }: PackedHeads,
  eps: number,
): tf.Tensor2D => {
  const N = inputs[0].shape[0]
  return customGrad(([x, queries, keys], save) => {
    const [y, rstd] = [output([N, (Q + 2 * G) * h]), output([N * (Q + G)])]
    C.winnow_head_norm(N, Q, G, h, address(x!), address(queries!), address(keys!), eps, y.address, rstd.address)
    save([x!, queries!, keys!, rstd.tensor])
    return {
      value: y.tensor,
      gradFunc: (dy, [x, queries, keys, rstd]) => {
        const [dx, dqueries, dkeys] = [output([N, (Q + 2 * G) * h]), output([h]), output([h])]
        const given = [x!, queries!, keys!, rstd!, dy].map(address) as [number, number, number, number, number]
        C.winnow_head_norm_gradient(N, Q, G, h, ...given, dx.address, dqueries.address, dkeys.address)
        return [dx.tensor, dqueries.tensor, dkeys.tensor]
      },
    }
  }, inputs)
}

/**
 * Packed projections of kinds, [N, (Q + 2 G) h], with each head of queries and of keys divided by its root mean square
 * and scaled; values pass.
 *
 * @param queries_h the scale of each query head
 * @param keys_h the scale of each key head
 * @param eps added to the mean square, above 0
 * @error if rows or scales do not have the heads' sizes: native code would read past their end
 */
export const headNorm = (
  packed_Nc: tf.Tensor2D,
  of: PackedHeads,
  queries_h: tf.Tensor1D,
  keys_h: tf.Tensor1D,
  eps: number,
): tf.Tensor2D => {
  const { heads: Q, kvHeads: G, headSize: h } = of
  const c = (Q + 2 * G) * h
  if (
    packed_Nc.rank !== 2 ||
    packed_Nc.shape[1] !== c ||
    [queries_h, keys_h].some(({ shape }) => shape.join() !== `${h}`)
  )
    throw new Error(
      `headNorm: found rows [${packed_Nc.shape}] and scales [${queries_h.shape}] and [${keys_h.shape}], expected [N, ${c}] and [${h}]`,
    )
  const fast = native()
  return fast
    ? nativeHeadNorm(fast, [packed_Nc, queries_h, keys_h], of, eps)
    : plainHeadNorm(packed_Nc, of, queries_h, keys_h, eps)
}
