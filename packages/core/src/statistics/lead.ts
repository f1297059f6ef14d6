/** The lead of the target's greedy token in the draft: the margin of the draft's decision, with its sign. */
import { tf } from "@winnow/tensor"
import { argmaxOf, ownStatistic } from "./statistic.ts"

export const draftLead = ownStatistic({
  name: "draftLead_N",
  about: "log q of p's most probable token less q's largest other one, nats",
  reads: ["draft", "target"],
  range: { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY },
  definition: ({ draft, target }) => {
    const token = argmaxOf(target)
    const others_V = draft.filter((_, v) => v !== token)
    return others_V.length === 0 ? 0 : draft[token]! - others_V.reduce((a, b) => Math.max(a, b))
  },
  plain: ({ draft: { logits_RV }, target }) => {
    const [R, V] = logits_RV.shape
    if (V === 1) return tf.zeros([R])
    const token_R1 = tf.expandDims(tf.argMax(target.logits_RV, 1), 1)
    const isToken_RV = tf.equal(tf.range(0, V, 1, "int32").reshape([1, V]), token_R1)
    const others_RV = tf.where(isToken_RV, tf.fill([1, V], Number.NEGATIVE_INFINITY), logits_RV)
    const logit_R = tf.squeeze(tf.gather(logits_RV, token_R1, 1, 1), [1])
    return tf.sub(logit_R, tf.max(others_RV, 1)) as tf.Tensor1D
  },
})
