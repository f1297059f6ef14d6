/** Weights each token by the rule of verification: full weight where the target accepts the draft's token. */
import { defineFilter } from "@winnow/core"
import { type } from "arktype"

/**
 * The filter `verify-weight`: 1 where the draft's most probable token is among the target's `top` first, else `beta`.
 *
 * The tokens on which the draft is right train it, the others hardly do. The share of full weights follows from the draft
 * and cannot be chosen, so no control has the same budget. A weight is no random draw.
 *
 * @source arXiv 2510.24021 (SelecTKD), the variant by top k
 */
export const verifyWeight = defineFilter({
  name: "verify-weight",
  needs: ["targetRank_N"],
  options: type({
    "+": "reject",
    // Tokens of the target that count as accepted: 5 in the source; 1 is greedy verification.
    top: "number.integer >= 1 = 5",
    // The weight of a refused token; above 0, as a micro-batch without an accepted token must train on something.
    beta: "0 < number <= 1 = 0.01",
    // The source does not rescale: "kept" divides by the sum of weights.
    divideBy: "'kept' | 'valid' = 'valid'",
  }),
  make:
    ({ top, beta, divideBy }) =>
    ({ targetRank_N }) => ({ weights_N: targetRank_N.map((rank) => (rank < top ? 1 : beta)), divideBy }),
})
