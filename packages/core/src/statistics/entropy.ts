/** The entropy of a model's distribution, nats. */
import { ownStatistic } from "./statistic.ts"

const range = { from: 0, to: "log V" } as const

const entropy = (logP_V: Float64Array) => -logP_V.reduce((sum, logP) => sum + Math.exp(logP) * logP, 0)

export const draftEntropy = ownStatistic({
  name: "draftEntropy_N",
  about: "entropy of q, nats",
  reads: ["draft"],
  range,
  definition: ({ draft }) => entropy(draft),
  plain: ({ draft }) => draft.entropy_R(),
  native: { ask: ["draft.entropy"] },
})

export const targetEntropy = ownStatistic({
  name: "targetEntropy_N",
  about: "entropy of p, nats",
  reads: ["target"],
  range,
  definition: ({ target }) => entropy(target),
  plain: ({ target }) => target.entropy_R(),
  native: { ask: ["target.entropy"] },
})
