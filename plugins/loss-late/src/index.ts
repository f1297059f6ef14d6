/** KL first, late the probability that the draft misses the target's greedy token. */
import { defineLoss, extremesOf, type LossChunk, scheduleValue, valueAt } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { type } from "arktype"

/** Shares of the miss that change over the steps. */
const shares = scheduleValue.narrow(
  (value, ctx) =>
    extremesOf(value).every((share) => share >= 0 && share <= 1) ||
    ctx.reject({ expected: "shares from 0 to 1", actual: extremesOf(value).join(", ") }),
)

/**
 * The loss `late`: (1 - s) KL(p || q) + s (1 - q_a), nats and probability, a = argmax p, s by the step. Gradient
 * (1 - s) (q - p) + s q_a (q - e_a), e_a = 1 at a and 0 elsewhere.
 *
 * 1 - q_a is the chance that a token drawn from the draft is not the target's greedy one. Its gradient vanishes where q_a
 * is near 0, unlike that of cross-entropy to a: tokens that the draft cannot reach get no weight. Of equal largest p the
 * first counts. It is not 0 for a draft that equals the target, once s is above 0.
 *
 * @source own
 */
export const late = defineLoss({
  name: "late",
  target: true,
  options: type({
    "+": "reject",
    // s over the steps. KL alone for three fifths of them: from a random start nearly all q_a have no gradient.
    share: shares.default(() => ({ shape: "linear", from: 0, to: 1, start: 0.6, end: 1 })),
  }),
  make: ({ share }) => {
    const divergence = ({ draft, target }: LossChunk<true>) => {
      const difference_RV = tf.sub(target.scaled_RV(1), draft.logits_RV)
      const shift_R = tf.squeeze(tf.sub(draft.logSumExp_R1(), target.logSumExp_R1(1)), [1])
      return tf.add(tf.sum(tf.mul(target.p_RV(), difference_RV), 1), shift_R) as tf.Tensor1D
    }
    /** q_a of each row, [R, 1], and e_a. */
    const hit = ({ draft, target }: LossChunk<true>) => {
      const q_RV = draft.p_RV()
      const greedy_R1 = tf.expandDims(tf.argMax(target.logits_RV, 1), 1)
      const greedy_RV = tf.cast(tf.equal(greedy_R1, tf.range(0, q_RV.shape[1]!, 1, "int32")), "float32")
      return { greedy_RV, hit_R1: tf.sum(tf.mul(q_RV, greedy_RV), 1, true) }
    }
    const mixed = (chunk: LossChunk<true>, s: number, hit_R1: tf.Tensor) =>
      tf.add(tf.mul(divergence(chunk), 1 - s), tf.mul(tf.sub(1, tf.squeeze(hit_R1, [1])), s)) as tf.Tensor1D
    const at = ({ step, steps }: LossChunk<true>) => valueAt(share, step, steps)
    return {
      value: (chunk) => (at(chunk) === 0 ? divergence(chunk) : mixed(chunk, at(chunk), hit(chunk).hit_R1)),
      gradient: (chunk) => {
        const s = at(chunk)
        const difference_RV = tf.sub(chunk.draft.p_RV(), chunk.target.p_RV()) as tf.Tensor2D
        if (s === 0) return { gradient_RV: difference_RV, loss_R: divergence(chunk) }
        const { greedy_RV, hit_R1 } = hit(chunk)
        const miss_RV = tf.mul(hit_R1, tf.sub(chunk.draft.p_RV(), greedy_RV))
        const gradient_RV = tf.add(tf.mul(difference_RV, 1 - s), tf.mul(miss_RV, s)) as tf.Tensor2D
        return { gradient_RV, loss_R: mixed(chunk, s, hit_R1) }
      },
    }
  },
})
