/** Keeps the tokens that the target is least sure about. */
import { defineFilter, ranked } from "@winnow/core"
import { type } from "arktype"

/**
 * The filter `target-entropy`: keep H(p) >= quantile(1 - k) of the micro-batch, H the entropy of the target in nats.
 *
 * The choice does not depend on the draft, so the kept tokens are the same in every pass over the data.
 *
 * @error NotFinite where an entropy is NaN or infinite
 * @source one of the signals that arXiv 2602.01395 (SE-KD) compares
 */
export const targetEntropy = defineFilter({
  name: "target-entropy",
  needs: ["targetEntropy_N"],
  options: type({
    "+": "reject",
    // Keep ratio; 0.4 to compare with AdaSPEC's.
    k: "0 < number <= 1 = 0.4",
    // "bottom" keeps the tokens that the target is surest about.
    order: "'top' | 'bottom' = 'top'",
    // "valid" divides by all valid tokens: a step k times smaller.
    divideBy: "'kept' | 'valid' = 'kept'",
  }),
  make:
    (options) =>
    ({ targetEntropy_N }) =>
      ranked(targetEntropy_N, options),
})
