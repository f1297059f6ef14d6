/** KL while the draft is far from the target, total variation as it comes near. */
import { defineLoss, detached, type LossChunk } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { type } from "arktype"

/** a = sum_v min(p_v, q_v), [R, 1]. */
const acceptance = ({ draft, target }: LossChunk<true>) => tf.sum(tf.minimum(draft.p_RV(), target.p_RV()), 1, true)

/**
 * The loss `lk`: l KL(p || q) + (1 - l) TVD(p, q), nats, with l = exp(-eta a) of the acceptance a, which has no gradient.
 *
 * Gradient l (q - p) + (1 - l) times that of `tvd`. A draft that is never accepted trains by KL; one near the target mostly by
 * TVD, which is what acceptance is.
 *
 * @source arXiv 2602.23881 (LK losses), the hybrid
 */
export const lk = defineLoss({
  name: "lk",
  target: true,
  options: type({
    "+": "reject",
    // 3 in the source; 0 is KL.
    eta: "number >= 0 = 3",
    // "token": each token by its own acceptance, as published. "batch": all by the mean of the micro-batch, as a released
    // trainer has it.
    over: "'token' | 'batch' = 'token'",
  }),
  make: ({ eta, over }) => {
    const weight_R1 = (chunk: LossChunk<true>): tf.Tensor => {
      if (over === "token") return detached(() => tf.exp(tf.mul(acceptance(chunk), -eta)))
      const [mean] = chunk.batch
      if (mean === undefined)
        throw new Error(
          "loss lk: chunk.batch is empty, expected the mean acceptance; run batch.rows and batch.combine first",
        )
      return tf.scalar(Math.exp(-eta * mean))
    }
    const terms = (chunk: LossChunk<true>) => {
      const { draft, target } = chunk
      const [p_RV, q_RV, l_R1] = [target.p_RV(), draft.p_RV(), weight_R1(chunk)]
      const kl_R1 = tf.sum(tf.mul(p_RV, tf.sub(target.logP_RV(), draft.logP_RV())), 1, true)
      const tvd_R1 = tf.mul(tf.sum(tf.abs(tf.sub(p_RV, q_RV)), 1, true), 0.5)
      const loss_R1 = tf.add(tf.mul(l_R1, kl_R1), tf.mul(tf.sub(1, l_R1), tvd_R1))
      return { p_RV, q_RV, l_R1, loss_R: tf.squeeze(loss_R1, [1]) as tf.Tensor1D }
    }
    return {
      ...(over === "token" && { fused: { form: "lk", eta } as const }),
      ...(over === "batch" && {
        batch: {
          rows: (chunk: LossChunk<true>) => acceptance(chunk) as tf.Tensor2D,
          combine: (sum_M: Float64Array, rows: number) => [sum_M[0]! / rows],
        },
      }),
      value: (chunk) => terms(chunk).loss_R,
      gradient: (chunk) => {
        const { p_RV, q_RV, l_R1, loss_R } = terms(chunk)
        const half_RV = tf.mul(tf.mul(q_RV, tf.sign(tf.sub(q_RV, p_RV))), 0.5)
        const tvd_RV = tf.sub(half_RV, tf.mul(q_RV, tf.sum(half_RV, 1, true)))
        const gradient_RV = tf.add(tf.mul(l_R1, tf.sub(q_RV, p_RV)), tf.mul(tf.sub(1, l_R1), tvd_RV))
        return { loss_R, gradient_RV: gradient_RV as tf.Tensor2D }
      },
    }
  },
})
