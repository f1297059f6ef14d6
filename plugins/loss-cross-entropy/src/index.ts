/** Cross-entropy on the gold token: training on text, without a target. */
import { defineLoss, goldCrossEntropy } from "@winnow/core"
import { type } from "arktype"

/**
 * The loss `cross-entropy`: -log q(gold), nats. Gradient q - onehot(gold). Needs no target, has no options.
 *
 * 0 only where the draft is certain of the gold token.
 */
export const crossEntropy = defineLoss({
  name: "cross-entropy",
  target: false,
  options: type({ "+": "reject" }),
  make: () => ({
    fused: { form: "cross-entropy" },
    value: ({ draft, gold_R }) => draft.nll_R(gold_R),
    gradient: ({ draft, gold_R }) => goldCrossEntropy(draft.logits_RV, gold_R),
  }),
})
