/** Forward KL divergence from the target: the loss of DistillSpec's and AdaSPEC's recipes. */
import { defineLoss, type LossChunk, temperature } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { sparseKl } from "./sparse.ts"

/**
 * The loss `kl`: KL(p || q) = sum_v p_v (log p_v - log q_v), nats, both at the temperature. Gradient (q - p) / T.
 *
 * The term is 0 for p = 0. At temperature 1 a cache of the target's top k or of samples can also give it.
 */
export const kl = defineLoss({
  name: "kl",
  target: true,
  options: type({
    "+": "reject",
    // 1 as in AdaSPEC: acceptance is decided at the temperature of decoding.
    temperature: temperature.default(1),
    // Hinton's factor T^2 keeps the gradient's size when T changes. Off as in AdaSPEC; at T = 1 it is 1.
    timesTemperatureSquared: "boolean = false",
  }),
  make: ({ temperature: T, timesTemperatureSquared }) => {
    const factor = timesTemperatureSquared ? T * T : 1
    const scaled = <X extends tf.Tensor>(x: X, by: number): X => (by === 1 ? x : (tf.mul(x, by) as X))
    // sum p (z_p - z_q) - log sum exp z_p + log sum exp z_q: one pass less than with log-probabilities.
    const value = ({ draft, target }: LossChunk<true>) => {
      const p_RV = target.p_RV(T)
      const difference_RV = tf.sub(target.scaled_RV(T), draft.scaled_RV(T))
      const shift_R = tf.squeeze(tf.sub(draft.logSumExp_R1(T), target.logSumExp_R1(T)), [1])
      return scaled(tf.add(tf.sum(tf.mul(p_RV, difference_RV), 1), shift_R) as tf.Tensor1D, factor)
    }
    return {
      // log p at another temperature needs the whole distribution.
      ...(T === 1 ? { sparse: sparseKl } : {}),
      fused: { form: "kl", temperature: T, factor },
      value,
      gradient: (chunk) => ({
        // First, as it computes the draft's softmax, which the value then uses.
        gradient_RV: scaled(tf.sub(chunk.draft.p_RV(T), chunk.target.p_RV(T)), factor / T),
        loss_R: value(chunk),
      }),
    }
  },
})
