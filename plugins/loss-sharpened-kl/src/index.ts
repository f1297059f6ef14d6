/** KL from a target that a temperature sharpens while the training goes on: for drafts that are decoded greedily. */
import { defineLoss, type LossChunk, temperatureSchedule, valueAt } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { type } from "arktype"

/**
 * The loss `sharpened-kl`: KL(p' || q), nats, p' = p^(1/T) / sum p^(1/T) with T by the step. Gradient q - p'.
 *
 * The draft's own temperature stays 1. It is 0 for a draft that equals the sharpened target, so not for one that equals
 * the target.
 *
 * @source own
 */
export const sharpenedKl = defineLoss({
  name: "sharpened-kl",
  target: true,
  options: type({
    "+": "reject",
    // T of the target over the steps. Greedy decoding reads the argmax alone, so the end pays for that: the first part
    // is plain KL, in which the draft learns the whole distribution.
    temperature: temperatureSchedule.default(() => ({ shape: "linear", from: 1, to: 0.3, start: 0.6, end: 1 })),
  }),
  make: ({ temperature }) => {
    // sum p' (z_p / T - z_q) - log sum exp (z_p / T) + log sum exp z_q: one pass less than with log-probabilities.
    const value = ({ draft, target }: LossChunk<true>, T: number) => {
      const difference_RV = tf.sub(target.scaled_RV(T), draft.logits_RV)
      const shift_R = tf.squeeze(tf.sub(draft.logSumExp_R1(), target.logSumExp_R1(T)), [1])
      return tf.add(tf.sum(tf.mul(target.p_RV(T), difference_RV), 1), shift_R) as tf.Tensor1D
    }
    const at = ({ step, steps }: LossChunk<true>) => valueAt(temperature, step, steps)
    return {
      fused: { form: "sharpened-kl", temperature },
      value: (chunk) => value(chunk, at(chunk)),
      gradient: (chunk) => {
        const T = at(chunk)
        return { gradient_RV: tf.sub(chunk.draft.p_RV(), chunk.target.p_RV(T)), loss_R: value(chunk, T) }
      },
    }
  },
})
