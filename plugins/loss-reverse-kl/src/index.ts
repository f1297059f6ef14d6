/** Reverse KL divergence: it punishes the draft for mass where the target has none, and less for missing mass. */
import { defineLoss, type LossChunk } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { type } from "arktype"

/** q, log q - log p, and their product. Log-probabilities of both sides stay finite even if p or q underflows. */
const terms = ({ draft, target }: LossChunk<true>) => {
  const q_RV = draft.p_RV()
  const ratio_RV = tf.sub(draft.logP_RV(), target.logP_RV())
  return { q_RV, weighted_RV: tf.mul(q_RV, ratio_RV) }
}

/**
 * The loss `reverse-kl`: KL(q || p) = sum_v q_v (log q_v - log p_v), nats. Gradient q (log q - log p - KL).
 *
 * Finite for finite logits: log p comes from the logits, not from p, which may underflow to 0. No options.
 */
export const reverseKl = defineLoss({
  name: "reverse-kl",
  target: true,
  options: type({ "+": "reject" }),
  make: () => ({
    fused: { form: "reverse-kl" },
    value: (chunk) => tf.sum(terms(chunk).weighted_RV, 1),
    gradient: (chunk) => {
      const { q_RV, weighted_RV } = terms(chunk)
      const loss_R = tf.sum(weighted_RV, 1) as tf.Tensor1D
      return { loss_R, gradient_RV: tf.sub(weighted_RV, tf.mul(q_RV, tf.expandDims(loss_R, 1))) }
    },
  }),
})
