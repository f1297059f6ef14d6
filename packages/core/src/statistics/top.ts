/** The largest probability of a model's distribution, 1 / V to 1. */
import { tf } from "@winnow/tensor"
import { ownStatistic } from "./statistic.ts"

const range = { from: 0, to: 1 } as const

const largest = (logP_V: Float64Array) => Math.exp(logP_V.reduce((a, b) => Math.max(a, b)))

export const draftTop = ownStatistic({
  name: "draftTop_N",
  about: "largest probability of q, 1 / V to 1",
  reads: ["draft"],
  range,
  definition: ({ draft }) => largest(draft),
  plain: ({ draft }) => tf.max(draft.p_RV(), 1),
  native: { ask: ["draft.top"] },
})

export const targetTop = ownStatistic({
  name: "targetTop_N",
  about: "largest probability of p, 1 / V to 1",
  reads: ["target"],
  range,
  definition: ({ target }) => largest(target),
  plain: ({ target }) => tf.max(target.p_RV(), 1),
  native: { ask: ["target.top"] },
})
