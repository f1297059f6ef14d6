/** Generalised Jensen-Shannon divergence: between forward and reverse KL, bounded, as GKD and DistillSpec use it. */
import { defineLoss, type LossChunk } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { type } from "arktype"

/** Smallest normal float32: log m stays finite where both p and q underflow, and their terms are 0 there. */
const tiny = 1.1754944e-38

/**
 * The loss `jsd`: beta KL(p || m) + (1 - beta) KL(q || m), m = beta p + (1 - beta) q, nats; at most log 2 at beta = 0.5.
 * Gradient (1 - beta) q (log q - log m - KL(q || m)).
 *
 * @source Agarwal et al. 2024, arXiv 2306.13649, Eq. 1
 */
export const jsd = defineLoss({
  name: "jsd",
  target: true,
  options: type({
    "+": "reject",
    // 0.5 is the symmetric one. The ends are excluded: there m is p or q and the loss is 0 for every draft.
    beta: "0 < number < 1 = 0.5",
  }),
  make: ({ beta }) => {
    const terms = ({ draft, target }: LossChunk<true>) => {
      const [p_RV, q_RV] = [target.p_RV(), draft.p_RV()]
      const m_RV = tf.add(tf.mul(p_RV, beta), tf.mul(q_RV, 1 - beta))
      const logM_RV = tf.log(tf.maximum(m_RV, tiny))
      const forward_R = tf.sum(tf.mul(p_RV, tf.sub(target.logP_RV(), logM_RV)), 1)
      const weighted_RV = tf.mul(q_RV, tf.sub(draft.logP_RV(), logM_RV))
      const reverse_R = tf.sum(weighted_RV, 1)
      const loss_R = tf.add(tf.mul(forward_R, beta), tf.mul(reverse_R, 1 - beta)) as tf.Tensor1D
      return { q_RV, weighted_RV, reverse_R, loss_R }
    }
    return {
      fused: { form: "jsd", beta },
      value: (chunk) => terms(chunk).loss_R,
      gradient: (chunk) => {
        const { q_RV, weighted_RV, reverse_R, loss_R } = terms(chunk)
        const centred_RV = tf.sub(weighted_RV, tf.mul(q_RV, tf.expandDims(reverse_R, 1)))
        return { loss_R, gradient_RV: tf.mul(centred_RV, 1 - beta) }
      },
    }
  },
})
