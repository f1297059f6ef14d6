/** Keeps the tokens on which the draft is unsure or wrong. */
import { defineFilter, ranked } from "@winnow/core"
import { type } from "arktype"

/** (x - min) / (max - min), 0 to 1; 0 for all if they are equal. */
const scaled = (values_N: Float32Array): Float32Array => {
  const low = values_N.reduce((a, b) => Math.min(a, b))
  const high = values_N.reduce((a, b) => Math.max(a, b))
  return values_N.map((x) => (high > low ? (x - low) / (high - low) : x - low))
}

/**
 * The filter `soft-or`: score = h + d - h d; keep score >= quantile(1 - k) of the micro-batch.
 *
 * h is the draft's entropy and d its active loss, each brought to 0..1 by the micro-batch's least and greatest. With the
 * loss `kl` d is the divergence of the source. A token is kept if one of the two is large: unsure, or sure and wrong.
 *
 * @error NotFinite where an entropy or a loss is NaN or infinite
 * @source arXiv 2604.14084 (TIP)
 */
export const softOr = defineFilter({
  name: "soft-or",
  needs: ["draftEntropy_N", "draftLoss_N"],
  options: type({
    "+": "reject",
    // Keep ratio: the 50 % of TIP.
    k: "0 < number <= 1 = 0.5",
    // "bottom" keeps the tokens on which the draft is sure and right.
    order: "'top' | 'bottom' = 'top'",
    // "valid" divides by all valid tokens: a step k times smaller.
    divideBy: "'kept' | 'valid' = 'kept'",
  }),
  make:
    (options) =>
    ({ draftEntropy_N, draftLoss_N }) => {
      const [h_N, d_N] = [scaled(draftEntropy_N), scaled(draftLoss_N)]
      return ranked(
        h_N.map((h, n) => h + d_N[n]! - h * d_N[n]!),
        options,
      )
    },
})
