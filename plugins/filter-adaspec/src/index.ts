/** AdaSPEC's token filter: keep the tokens on which the draft is furthest behind a reference of its own size. */
import { defineFilter, ranked } from "@winnow/core"
import { minus } from "@winnow/numerics"
import { type } from "arktype"

/**
 * The filter `adaspec`: excess = draft's loss - reference's loss, both under the active loss; keep excess >= quantile(1
 * - k).
 *
 * It decides again for every micro-batch with the present draft (online). Ties with the threshold are kept, and the
 * excess is not clamped: a draft that has passed the reference everywhere still trains on its fraction k. A draft that
 * starts as a copy of the reference has excess 0 everywhere and keeps all.
 *
 * @error NotFinite for a loss that is NaN or infinite
 * @source Hu et al. 2025, arXiv 2510.19779, algorithm 2; the quantile and ties as in the released code
 */
export const adaspec = defineFilter({
  name: "adaspec",
  needs: ["draftLoss_N", "referenceLoss_N"],
  options: type({
    "+": "reject",
    // Keep ratio: 0.4 in every recipe of the paper (Table 9).
    k: "0 < number <= 1 = 0.4",
    // "bottom" is the paper's control (Table 2): the tokens with the least excess.
    order: "'top' | 'bottom' = 'top'",
    // Eq. 10 divides by k|y|, "kept"; the released code by all label tokens of the batch, "valid": the gradient is then
    // k times smaller, which AdamW hides and clipping does not. With "kept" a step's size does not depend on k.
    divideBy: "'kept' | 'valid' = 'kept'",
  }),
  make:
    (options) =>
    ({ draftLoss_N, referenceLoss_N }) =>
      ranked(minus(draftLoss_N, referenceLoss_N), options),
})
