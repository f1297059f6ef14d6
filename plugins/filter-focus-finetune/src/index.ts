/** FocusFinetune: keep the tokens whose gold token the draft finds harder than a reference does. No target needed. */
import { defineFilter, ranked } from "@winnow/core"
import { minus } from "@winnow/numerics"
import { type } from "arktype"

/**
 * The filter `focus-finetune`: excess = -log q(gold) + log r(gold); keep excess >= quantile(1 - k) of the micro-batch.
 *
 * It reads the gold tokens and a reference only, so with the loss `cross-entropy` an arm needs no target; with a loss
 * that compares to a target it chooses tokens by the text and trains them by the target. Ties with the threshold are
 * kept.
 *
 * @error NotFinite for a log-probability that is NaN or infinite
 * @source Lin et al. 2024, arXiv 2404.07965 (Rho-1), Eq. 3-5; the proposal of pull request 2 of yuezhouhu/adaspec
 */
export const focusFinetune = defineFilter({
  name: "focus-finetune",
  needs: ["draftNll_N", "referenceNll_N"],
  options: type({
    "+": "reject",
    // Keep ratio: the best of Rho-1's sweep at 1B, its smallest model.
    k: "0 < number <= 1 = 0.6",
    // "bottom" is the control: the tokens that the reference finds hardest compared to the draft.
    order: "'top' | 'bottom' = 'top'",
    // "kept" as in Rho-1's loss, which divides by N k; "valid" divides by all tokens, a step k times smaller.
    divideBy: "'kept' | 'valid' = 'kept'",
  }),
  make:
    (options) =>
    ({ draftNll_N, referenceNll_N }) =>
      ranked(minus(draftNll_N, referenceNll_N), options),
})
