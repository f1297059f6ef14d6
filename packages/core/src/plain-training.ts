/**
 * Ordinary language modelling: every token, -log q(gold). It trains targets, draft starts and references without a
 * target, and the plugins `none` and `cross-entropy` expose it under their names.
 */
import { type } from "arktype"
import { goldCrossEntropy } from "./categorical.ts"
import { defineFilter, type Select } from "./filter.ts"
import { defineLoss } from "./loss.ts"
import type { LossFunctions } from "./loss-functions.ts"

/** Weight 1 for all N tokens. */
export const selectEveryToken: Select<never> = ({ N }) => new Uint8Array(N).fill(1)

/** -log q(gold), nats; gradient q - onehot(gold). It runs on chunks of logits and in the native vocabulary head. */
export const goldLoss: LossFunctions<false> = {
  fused: { form: "cross-entropy" },
  value: ({ draft, gold_R }) => draft.nll_R(gold_R),
  gradient: ({ draft, gold_R }) => goldCrossEntropy(draft.logits_RV, gold_R),
}

/** The filter of plain training: keeps every valid token. */
export const everyToken = defineFilter({
  name: "every-token",
  needs: [],
  options: type({ "+": "reject" }),
  make: () => selectEveryToken,
})

/** The loss of plain training; needs no target. */
export const nextToken = defineLoss({
  name: "next-token",
  target: false,
  options: type({ "+": "reject" }),
  make: () => goldLoss,
})
