/** KL from or to a mixture of target and draft: bounded, in both directions. */
import { defineLoss, type LossChunk } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { type } from "arktype"

/** Smallest normal float32: log m stays finite where both p and q underflow, and their terms are 0 there. */
const tiny = 1.1754944e-38

/**
 * The loss `skewed-kl`, nats, at most -log a:
 *
 * - forward: KL(p || a p + (1 - a) q), gradient q (c - sum_v q_v c_v) with c = -(1 - a) p / m;
 * - reverse: KL(q || a q + (1 - a) p), the same with c = log q - log m - a q / m.
 *
 * The mixture m has mass wherever both have some, so a token that one of them excludes costs no infinity.
 *
 * @source arXiv 2402.03898 (DistiLLM)
 */
export const skewedKl = defineLoss({
  name: "skewed-kl",
  target: true,
  options: type({
    "+": "reject",
    // 0.1 as published. The ends are left out: 0 is `kl` or `reverse-kl`, at 1 the loss is 0 for every draft.
    a: "0 < number < 1 = 0.1",
    direction: "'forward' | 'reverse' = 'forward'",
  }),
  make: ({ a, direction }) => {
    const terms = ({ draft, target }: LossChunk<true>) => {
      const [from, to] = direction === "forward" ? [target, draft] : [draft, target]
      const m_RV = tf.maximum(tf.add(tf.mul(from.p_RV(), a), tf.mul(to.p_RV(), 1 - a)), tiny)
      const ratio_RV = tf.sub(from.logP_RV(), tf.log(m_RV))
      return { m_RV, ratio_RV, loss_R: tf.sum(tf.mul(from.p_RV(), ratio_RV), 1) as tf.Tensor1D }
    }
    return {
      fused: { form: "skewed-kl", a, direction },
      value: (chunk) => terms(chunk).loss_R,
      gradient: (chunk) => {
        const { m_RV, ratio_RV, loss_R } = terms(chunk)
        const [p_RV, q_RV] = [chunk.target.p_RV(), chunk.draft.p_RV()]
        const c_RV =
          direction === "forward" ? tf.mul(tf.div(p_RV, m_RV), a - 1) : tf.sub(ratio_RV, tf.mul(tf.div(q_RV, m_RV), a))
        const qc_RV = tf.mul(q_RV, c_RV)
        return { loss_R, gradient_RV: tf.sub(qc_RV, tf.mul(q_RV, tf.sum(qc_RV, 1, true))) as tf.Tensor2D }
      },
    }
  },
})
