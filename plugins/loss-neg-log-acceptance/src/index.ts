/** The negative logarithm of the acceptance: total variation with a gradient that does not vanish. */
import { defineLoss, type LossChunk } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { type } from "arktype"

/** log a = log sum_v min(p_v, q_v), [R, 1]: by logarithms, so that it is finite where both probabilities underflow. */
const logAcceptance = ({ draft, target }: LossChunk<true>) =>
  tf.logSumExp(tf.minimum(target.logP_RV(), draft.logP_RV()), 1, true)

/**
 * The loss `neg-log-acceptance`: -log a, nats, a = sum_v min(p_v, q_v) the chance that the target accepts a token of the draft.
 *
 * Gradient that of `tvd` divided by a: q (sum_v w_v) - w with w_v = q_v / a where q < p, half of it where q = p, 0 elsewhere.
 * It is cross-entropy where the target is certain. No options.
 * @source arXiv 2602.23881 (LK losses)
 */
export const negLogAcceptance = defineLoss({
  name: "neg-log-acceptance",
  target: true,
  options: type({ "+": "reject" }),
  make: () => ({
    fused: { form: "neg-log-acceptance" },
    value: (chunk) => tf.neg(tf.squeeze(logAcceptance(chunk), [1])) as tf.Tensor1D,
    gradient: (chunk) => {
      const { draft, target } = chunk
      const logA_R1 = logAcceptance(chunk)
      const below_RV = tf.mul(tf.sub(1, tf.sign(tf.sub(draft.logP_RV(), target.logP_RV()))), 0.5)
      // Where q is above p the exponent may be large: the factor 0 must not meet an infinity.
      const w_RV = tf.mul(below_RV, tf.exp(tf.minimum(tf.sub(draft.logP_RV(), logA_R1), 0)))
      const total_R1 = tf.sum(w_RV, 1, true)
      return {
        loss_R: tf.neg(tf.squeeze(logA_R1, [1])) as tf.Tensor1D,
        gradient_RV: tf.sub(tf.mul(draft.p_RV(), total_R1), w_RV) as tf.Tensor2D,
      }
    },
  }),
})
