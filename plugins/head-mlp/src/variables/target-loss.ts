/** The variable of the target itself: how surprised it is by a token. */
import { defineVariable } from "@winnow/core"
import { type } from "arktype"

/**
 * The variable `target-loss`: the target's -log p(token | those before it), a number from 0 to `most` nats. A head reads
 * it off the state before the token, which does not tell the token: it learns what the target expects to lose there.
 */
export const targetLoss = defineVariable({
  name: "target-loss",
  readsTarget: true,
  range: ({ most }) => [0, most],
  options: type({ "+": "reject", most: "number > 0 = 8" }),
  make:
    () =>
    ({ targetLoss }) =>
      targetLoss!,
})
