/** The negative log-likelihood of the gold token, nats. */
import { ownStatistic } from "./statistic.ts"

const range = { from: 0, to: Number.POSITIVE_INFINITY } as const

export const draftNll = ownStatistic({
  name: "draftNll_N",
  about: "-log q(gold), nats",
  reads: ["draft"],
  range,
  definition: ({ draft, gold }) => -draft[gold]!,
  plain: ({ draft, gold_R }) => draft.nll_R(gold_R),
  native: { ask: ["draft.nll"] },
})

export const referenceNll = ownStatistic({
  name: "referenceNll_N",
  about: "-log r(gold), nats",
  reads: ["reference"],
  range,
  definition: ({ reference, gold }) => -reference[gold]!,
  plain: ({ reference, gold_R }) => reference.nll_R(gold_R),
  native: { ask: ["reference.nll"] },
})

export const targetNll = ownStatistic({
  name: "targetNll_N",
  about: "-log p(gold), nats",
  reads: ["target"],
  range,
  definition: ({ target, gold }) => -target[gold]!,
  plain: ({ target, gold_R }) => target.nll_R(gold_R),
  native: { ask: ["target.nll"] },
})
