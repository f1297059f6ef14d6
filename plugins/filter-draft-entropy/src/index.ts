/** Keeps the tokens that the draft is least sure about. */
import { defineFilter, ranked } from "@winnow/core"
import { type } from "arktype"

/**
 * The filter `draft-entropy`: keep H(q) >= quantile(1 - k) of the micro-batch, H the entropy of the draft in nats.
 *
 * It reads the draft only. The published method takes its quantile in each sequence; here it is of the micro-batch, as in
 * AdaSPEC.
 *
 * @error NotFinite where an entropy is NaN or infinite
 * @source arXiv 2602.01395 (SE-KD)
 */
export const draftEntropy = defineFilter({
  name: "draft-entropy",
  needs: ["draftEntropy_N"],
  options: type({
    "+": "reject",
    // Keep ratio: the 20 % of SE-KD.
    k: "0 < number <= 1 = 0.2",
    // "bottom" keeps the tokens that the draft is surest about.
    order: "'top' | 'bottom' = 'top'",
    // "valid" divides by all valid tokens: a step k times smaller.
    divideBy: "'kept' | 'valid' = 'kept'",
  }),
  make:
    (options) =>
    ({ draftEntropy_N }) =>
      ranked(draftEntropy_N, options),
})
