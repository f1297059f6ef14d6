/** Forward KL divergence from the target: the loss of DistillSpec's and AdaSPEC's recipes. */
import { defineLoss } from "@winnow/core"
import { crossEntropyWithLogits, tf } from "@winnow/tensor"
import { type } from "arktype"

/**
 * The loss `kl`: KL(p || q) = sum_v p_v (log p_v - log q_v), nats, both at the temperature. Gradient (q - p) / T.
 *
 * Computed as cross-entropy minus entropy, two fused passes: exact to about 1e-6 nats, so a perfect draft may show
 * -1e-6. Where p = 0 the term is 0.
 */
export const kl = defineLoss({
  name: "kl",
  target: true,
  options: type({
    "+": "reject",
    // 1 as AdaSPEC trains: acceptance is decided at the temperature of decoding.
    temperature: "number > 0 = 1",
    // Hinton's factor T^2 keeps the gradient's size when T changes. Off as in AdaSPEC; at T = 1 it is 1.
    timesTemperatureSquared: "boolean = false",
  }),
  make: ({ temperature: T, timesTemperatureSquared }) => {
    const factor = timesTemperatureSquared ? T * T : 1
    const scaled = <X extends tf.Tensor>(x: X, by: number): X => (by === 1 ? x : (tf.mul(x, by) as X))
    return {
      value: ({ draft, target }) =>
        scaled(tf.sub(draft.crossEntropy_R(target.p_RV(T), T), target.entropy_R(T)), factor),
      gradient: ({ draft, target }) => {
        const cross = crossEntropyWithLogits(draft.scaled_RV(T), target.p_RV(T))
        return {
          loss_R: scaled(tf.sub(cross.loss_R, target.entropy_R(T)), factor),
          gradient_RV: scaled(cross.gradient_RV, factor / T),
        }
      },
    }
  },
})
