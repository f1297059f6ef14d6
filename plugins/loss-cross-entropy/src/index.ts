/** Cross-entropy on the gold token: training on text, without a target. */
import { defineLoss, goldLoss } from "@winnow/core"
import { type } from "arktype"

/**
 * The loss `cross-entropy`: -log q(gold), nats. Gradient q - onehot(gold). It needs no target and has no options.
 *
 * It is 0 only if the draft is certain of the gold token. The lab trains targets by the same code.
 */
export const crossEntropy = defineLoss({
  name: "cross-entropy",
  target: false,
  options: type({ "+": "reject" }),
  make: () => goldLoss,
})
