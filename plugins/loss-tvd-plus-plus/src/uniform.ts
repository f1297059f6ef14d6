/** TVD++ with equal weights for all vocabulary entries, like the one open implementation. */
import type { LossChunk, LossFunctions } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { batchMoments, epsilon, moments, rewards } from "./rewards.ts"

/** (r - mean) / sd over the vocabulary of each row; sd with divisor V - 1 as `torch.std`, 0 for V = 1. */
const byPosition = (r_RV: tf.Tensor2D): tf.Tensor2D => {
  const centred_RV = tf.sub(r_RV, tf.mean(r_RV, 1, true))
  const sd_R1 = tf.sqrt(tf.div(tf.sum(tf.square(centred_RV), 1, true), Math.max(1, r_RV.shape[1] - 1)))
  return tf.div(centred_RV, tf.add(sd_R1, epsilon))
}

/**
 * - mean_v A(v) log q(v); gradient q sum_v A / V - A / V, by position just - A / V.
 *
 * Its objective is not TVD: its gradient neither vanishes at a random start nor goes to 0 at p = q, and its value may
 * be negative.
 *
 * @param normalise A's mean and standard deviation over all rows and entries of the batch, or over the row's own
 */
export const uniform = (normalise: "batch" | "position"): LossFunctions<true> => {
  const terms = (chunk: LossChunk<true>) => {
    const r_RV = rewards(chunk)
    const V = r_RV.shape[1]
    const advantage = () => {
      const { mu, sigma } = batchMoments(chunk)
      return tf.div(tf.sub(r_RV, mu), sigma * V) as tf.Tensor2D
    }
    const weight_RV = normalise === "batch" ? advantage() : (tf.div(byPosition(r_RV), V) as tf.Tensor2D)
    const loss_R = tf.neg(tf.sum(tf.mul(weight_RV, chunk.draft.logP_RV()), 1)) as tf.Tensor1D
    return { weight_RV, loss_R }
  }
  const functions: LossFunctions<true> = {
    fused: { form: "rewards", expectation: "uniform", normalise, epsilon },
    value: (chunk) => terms(chunk).loss_R,
    gradient: (chunk) => {
      const { weight_RV, loss_R } = terms(chunk)
      const total_R1 = tf.sum(weight_RV, 1, true)
      return { loss_R, gradient_RV: tf.sub(tf.mul(chunk.draft.p_RV(), total_R1), weight_RV) }
    },
  }
  if (normalise === "position") return functions
  return { ...functions, batch: { rows: (chunk) => tf.mean(rewards(chunk), 1, true), combine: moments } }
}
