/** The chance that the target accepts a token sampled from the draft. */
import { tf } from "@winnow/tensor"
import { ownStatistic } from "./statistic.ts"

export const acceptance = ownStatistic({
  name: "acceptance_N",
  about: "sum_v min(p_v, q_v), 0 to 1",
  reads: ["draft", "target"],
  range: { from: 0, to: 1 },
  definition: ({ draft, target }) => draft.reduce((sum, logQ, v) => sum + Math.exp(Math.min(logQ, target[v]!)), 0),
  plain: ({ draft, target }) => tf.sum(tf.minimum(draft.p_RV(), target.p_RV()), 1),
  native: { ask: ["draftPair.acceptance"] },
})
