/** The Hellinger distance of draft and target. */
import { tf } from "@winnow/tensor"
import { ownStatistic } from "./statistic.ts"

export const hellinger = ownStatistic({
  name: "hellinger_N",
  about: "Hellinger distance sqrt(1 - sum_v sqrt(p_v q_v)), 0 to 1",
  reads: ["draft", "target"],
  range: { from: 0, to: 1 },
  definition: ({ draft, target }) =>
    Math.sqrt(Math.max(0, 1 - draft.reduce((sum, logQ, v) => sum + Math.exp((logQ + target[v]!) / 2), 0))),
  plain: ({ draft, target }) => {
    const common_R = tf.sum(tf.sqrt(tf.mul(draft.p_RV(), target.p_RV())), 1)
    return tf.sqrt(tf.relu(tf.sub(1, common_R)))
  },
  native: { ask: ["draftPair.hellinger"] },
})
