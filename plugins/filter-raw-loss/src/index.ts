/** Keeps the tokens with the largest loss: hard examples, token by token. */
import { defineFilter, ranked } from "@winnow/core"
import { type } from "arktype"

/**
 * The filter `raw-loss`: keep the active loss of the draft >= quantile(1 - k) of the micro-batch.
 *
 * AdaSPEC without its reference: the difference between the two is the worth of the reference.
 *
 * @error NotFinite where a loss is NaN or infinite
 * @source Shrivastava et al. 2016, arXiv 1604.03540 (online hard example mining), by token
 */
export const rawLoss = defineFilter({
  name: "raw-loss",
  needs: ["draftLoss_N"],
  options: type({
    "+": "reject",
    // Keep ratio; 0.4 to compare with AdaSPEC's.
    k: "0 < number <= 1 = 0.4",
    // "bottom" keeps the tokens that the draft has learnt already.
    order: "'top' | 'bottom' = 'top'",
    // "valid" divides by all valid tokens: a step k times smaller.
    divideBy: "'kept' | 'valid' = 'kept'",
  }),
  make:
    (options) =>
    ({ draftLoss_N }) =>
      ranked(draftLoss_N, options),
})
