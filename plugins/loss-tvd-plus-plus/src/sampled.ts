/** TVD++ as policy gradient: tokens sampled from the draft, rewarded if the target gives them more mass. */
import { detached, type LossChunk, type LossFunctions } from "@winnow/core"
import { floatType, runOp, tf } from "@winnow/tensor"
import { batchMoments, epsilon, moments } from "./rewards.ts"

/**
 * S tokens a row from the draft by inverse CDF at (u + s / S) mod 1, as positions in the flattened [R, V].
 *
 * Systematic sampling: each token is drawn floor or ceil of S q times, so its share is unbiased with less noise than in
 * S independent draws. The cumulative sum is in single precision: shares are right to about 1e-6.
 */
const sample = (q_RV: tf.Tensor2D, uniform_R: Float32Array, S: number): tf.Tensor1D => {
  const [R, V] = q_RV.shape
  const point_RS = Float32Array.from({ length: R * S }, (_, i) => (uniform_R[Math.floor(i / S)]! + (i % S) / S) % 1)
  const cdf_RV = tf.cumsum(q_RV, 1) as tf.Tensor2D
  // Points scaled by the row's own total, so that a total of 0.9999998 cannot send one past the support.
  const scaled_RS = tf.mul(tf.tensor2d(point_RS, [R, S]), tf.slice(cdf_RV, [0, V - 1], [R, 1]))
  const drawn_RS = tf.minimum(runOp("UpperBound", [floatType()], [cdf_RV, scaled_RS]), tf.scalar(V - 1, "int32"))
  const start_R1 = tf.mul(tf.range(0, R, 1, "int32").reshape([R, 1]), tf.scalar(V, "int32"))
  return tf.add(drawn_RS, start_R1).flatten() as tf.Tensor1D
}

/** The entries of a [R, V] at flattened positions, [R, S]. */
const at = (x_RV: tf.Tensor2D, flat: tf.Tensor1D): tf.Tensor2D =>
  tf.gather(x_RV.flatten(), flat).reshape([x_RV.shape[0], -1])

/**
 * - mean_s A(x_s) log q(x_s), x_s ~ q and A constant; gradient - mean_s A(x_s) (onehot(x_s) - q).
 *
 * A = (r - mu) / sigma over all samples of the batch. In expectation over the samples the gradient is that of TVD /
 * sigma; here mu does matter: it lowers the variance. The value has no meaning by itself, and may be negative.
 */
export const sampled = (samples: number): LossFunctions<true> => {
  const drawn = (chunk: LossChunk<true>) => {
    const q_RV = chunk.draft.p_RV()
    const p_RV = chunk.target.p_RV()
    const flat = detached(() => sample(q_RV, chunk.uniform_R, samples))
    const r_RS = detached(() => tf.cast(tf.greater(at(p_RV, flat), at(q_RV, flat)), "float32") as tf.Tensor2D)
    return { q_RV, flat, r_RS }
  }
  const terms = (chunk: LossChunk<true>) => {
    const { mu, sigma } = batchMoments(chunk)
    const { q_RV, flat, r_RS } = drawn(chunk)
    const weight_RS = tf.div(tf.sub(r_RS, mu), sigma * samples) as tf.Tensor2D
    const loss_R = tf.neg(tf.sum(tf.mul(weight_RS, at(chunk.draft.logP_RV(), flat)), 1)) as tf.Tensor1D
    return { q_RV, flat, weight_RS, loss_R }
  }
  return {
    fused: { form: "sampled-rewards", samples, epsilon },
    batch: { rows: (chunk) => tf.mean(drawn(chunk).r_RS, 1, true), combine: moments },
    value: (chunk) => terms(chunk).loss_R,
    gradient: (chunk) => {
      const { q_RV, flat, weight_RS, loss_R } = terms(chunk)
      // A token drawn twice gets both weights: scatterND adds.
      const weight_RV = tf.scatterND(flat.expandDims(1), weight_RS.flatten(), [q_RV.size]).reshape(q_RV.shape)
      return { loss_R, gradient_RV: tf.sub(tf.mul(q_RV, tf.sum(weight_RS, 1, true)), weight_RV) as tf.Tensor2D }
    },
  }
}
