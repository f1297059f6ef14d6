/** The active loss of draft and reference: the two parts of a filter's excess. */
import { activeLoss } from "./statistic.ts"

/** Nats for the KL family; a loss may be negative if it says so. */
const range = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY } as const

export const draftLoss = activeLoss({
  name: "draftLoss_N",
  about: "the active loss of the draft",
  lossOf: "draft",
  range,
})

export const referenceLoss = activeLoss({
  name: "referenceLoss_N",
  about: "the active loss, the reference in the draft's place",
  lossOf: "reference",
  range,
})
