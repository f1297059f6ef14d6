/** Keeps the tokens whose gold token the draft finds harder than the target does. */
import { defineFilter, ranked } from "@winnow/core"
import { minus } from "@winnow/numerics"
import { type } from "arktype"

/**
 * The filter `excess-cross-entropy`: excess = -log q(gold) + log p(gold), nats; keep excess >= quantile(1 - k).
 *
 * `focus-finetune` with the target in the reference's place: no model is trained for the choice. Ties with the threshold
 * are kept.
 *
 * @error NotFinite where a log-probability is NaN or infinite
 * @source arXiv 2404.07965 (Rho-1), Eq. 3-5, with the target as its reference
 */
export const excessCrossEntropy = defineFilter({
  name: "excess-cross-entropy",
  needs: ["draftNll_N", "targetNll_N"],
  options: type({
    "+": "reject",
    // Keep ratio; 0.4 to compare with AdaSPEC's.
    k: "0 < number <= 1 = 0.4",
    // "bottom" is the control: the tokens on which the draft is least behind the target.
    order: "'top' | 'bottom' = 'top'",
    // "valid" divides by all valid tokens: a step k times smaller.
    divideBy: "'kept' | 'valid' = 'kept'",
  }),
  make:
    (options) =>
    ({ draftNll_N, targetNll_N }) =>
      ranked(minus(draftNll_N, targetNll_N), options),
})
