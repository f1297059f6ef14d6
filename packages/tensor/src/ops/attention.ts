/**
 * Scaled dot-product attention with a closed-form gradient: only the probabilities are saved beside the inputs.
 *
 * Letters: B sequences, H heads, T queries, S keys, h head size.
 */
import { tf } from "../tf.ts"

/** What is added to a score that must not be attended to: exp of it is 0 in float32, and it is finite. */
const never = -1e9

const masks = new Map<string, tf.Tensor2D>()

/** 0 where a query may look and -1e9 where not, for T queries that are the last of S positions. Kept for the process. */
export const causalMask = (T: number, S: number): tf.Tensor2D => {
  const key = `${T},${S}`
  let mask = masks.get(key)
  if (mask === undefined) {
    const values = new Float32Array(T * S)
    for (let t = 0; t < T; t++) values.fill(never, t * S + (S - T) + t + 1, (t + 1) * S)
    masks.set(key, (mask = tf.keep(tf.tensor2d(values, [T, S]))))
  }
  return mask
}

/** Gives back the masks that were kept: for tests that count tensors, and after the last run at a length. */
export const disposeMasks = (): void => {
  for (const mask of masks.values()) mask.dispose()
  masks.clear()
}

/**
 * softmax(q . k^T / sqrt(h) + mask) . v, differentiable in q, k and v.
 *
 * @param mask broadcast over [B, H, T, S], added to the scores; left out, every query sees every key
 * @returns [B, H, T, h]
 */
export const attention = (q: tf.Tensor4D, k: tf.Tensor4D, v: tf.Tensor4D, mask?: tf.Tensor): tf.Tensor4D => {
  const scale = 1 / Math.sqrt(q.shape[3])
  return tf.customGrad((qIn, kIn, vIn, save) => {
    const [q, k, v] = [qIn, kIn, vIn] as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D]
    const scores = tf.matMul(tf.mul(q, scale), k, false, true)
    const p = tf.softmax(mask === undefined ? scores : tf.add(scores, mask)) as tf.Tensor4D
    const out = tf.matMul(p, v) as tf.Tensor4D
    ;(save as tf.GradSaveFunc)([q, k, v, p, out])
    return {
      value: out,
      gradFunc: (dy, saved) => {
        const [q, k, v, p, out] = saved as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D, tf.Tensor4D, tf.Tensor4D]
        const dp = tf.matMul(dy as tf.Tensor4D, v, false, true)
        // sum_s p_s dp_s is dy . out: T x h numbers instead of T x S
        const along = tf.sum(tf.mul(dy, out), 3, true)
        const ds = tf.mul(tf.mul(p, tf.sub(dp, along)), scale)
        return [tf.matMul(ds, k), tf.matMul(ds, q, true, false), tf.matMul(p, dy as tf.Tensor4D, true, false)]
      },
    }
  })(q, k, v) as tf.Tensor4D
}
