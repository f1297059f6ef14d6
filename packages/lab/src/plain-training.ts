/** Ordinary language modelling as filter and loss: what targets, draft starts and clean-text references are trained by. */
import { defineFilter, defineLoss, goldCrossEntropy } from "@winnow/core"
import { type } from "arktype"

/** Keeps every valid token. */
export const everyToken = defineFilter({
  name: "every-token",
  needs: [],
  options: type({ "+": "reject" }),
  make:
    () =>
    ({ N }) =>
      new Uint8Array(N).fill(1),
})

/** -log q(gold), nats: the loss of plain training; needs no target. */
export const nextToken = defineLoss({
  name: "next-token",
  target: false,
  options: type({ "+": "reject" }),
  make: () => ({
    value: ({ draft, gold_R }) => draft.nll_R(gold_R),
    gradient: ({ draft, gold_R }) => goldCrossEntropy(draft.logits_RV, gold_R),
  }),
})
