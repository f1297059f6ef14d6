/** TVD++ with the exact expectation over the draft's own samples, by a sum over the vocabulary. */
import type { LossChunk, LossFunctions } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { batchMoments, epsilon, moments, rewards } from "./rewards.ts"

/** sum_v r (p - q), which is TVD: r selects the v with p > q. */
const terms = (chunk: LossChunk<true>) => {
  const { sigma } = batchMoments(chunk)
  const q_RV = chunk.draft.p_RV()
  const r_RV = rewards(chunk)
  const loss_R = tf.div(tf.sum(tf.mul(r_RV, tf.sub(chunk.target.p_RV(), q_RV)), 1), sigma) as tf.Tensor1D
  return { q_RV, r_RV, sigma, loss_R }
}

/**
 * - E_{x ~ q}[A(x) grad log q(x)], A = (r - mu) / sigma, mu and sigma of the rewards under q over all rows of the pass.
 *
 * mu drops out, as sum_v grad q_v = 0; the rest is the gradient of TVD / sigma, one factor for the whole batch. The
 * value is TVD / sigma, so that it has this gradient (with constant rewards and sigma) and is 0 at p = q.
 */
export const exact: LossFunctions<true> = {
  fused: { form: "rewards", expectation: "exact", epsilon },
  batch: { rows: (chunk) => tf.sum(tf.mul(chunk.draft.p_RV(), rewards(chunk)), 1, true), combine: moments },
  value: (chunk) => terms(chunk).loss_R,
  gradient: (chunk) => {
    const { q_RV, r_RV, sigma, loss_R } = terms(chunk)
    const weighted_RV = tf.mul(q_RV, tf.div(r_RV, -sigma))
    const mean_R1 = tf.sum(weighted_RV, 1, true)
    return { loss_R, gradient_RV: tf.sub(weighted_RV, tf.mul(q_RV, mean_R1)) }
  },
}
