/** Total variation distance: 1 minus the chance that the target accepts a token sampled from the draft. */
import { defineLoss, type LossChunk } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { type } from "arktype"

const difference = ({ draft, target }: LossChunk<true>) => tf.sub(draft.p_RV(), target.p_RV())
const distance = (difference_RV: tf.Tensor) => tf.mul(tf.sum(tf.abs(difference_RV), 1), 0.5) as tf.Tensor1D

/**
 * The loss `tvd`: 1/2 sum_v |p_v - q_v|, 0 to 1. Gradient 1/2 q (s - sum_v q_v s_v), s = sign(q - p), 0 where p = q.
 *
 * The gradient vanishes where the draft has hardly any mass on the target's likely tokens (order sqrt(k) / V from a
 * random start): begin from a draft trained by another loss. No options.
 * @source Leviathan et al. 2023, arXiv 2211.17192, theorem 3.5 (1 - TVD is the acceptance)
 */
export const tvd = defineLoss({
  name: "tvd",
  target: true,
  options: type({ "+": "reject" }),
  make: () => ({
    fused: { form: "tvd" },
    value: (chunk) => distance(difference(chunk)),
    gradient: (chunk) => {
      const q_RV = chunk.draft.p_RV()
      const difference_RV = difference(chunk)
      const signed_RV = tf.mul(q_RV, tf.sign(difference_RV))
      const half_R1 = tf.mul(tf.sum(signed_RV, 1, true), 0.5)
      return {
        loss_R: distance(difference_RV),
        gradient_RV: tf.sub(tf.mul(signed_RV, 0.5), tf.mul(q_RV, half_R1)),
      }
    },
  }),
})
