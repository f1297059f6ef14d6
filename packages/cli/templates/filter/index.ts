/** Keeps the tokens that the draft is least sure of. Replace this by your own idea. */
import { defineFilter } from "@winnow/core"
import { topFraction } from "@winnow/numerics"
import { type } from "arktype"

/** The filter `my-filter`: the fraction k of tokens with the largest entropy of the draft. Own idea. */
export const myFilter = defineFilter({
  name: "my-filter",
  needs: ["draftEntropy_N"],
  options: type({
    "+": "reject",
    // Keep ratio; 0.4 for a comparison with AdaSPEC.
    k: "0 < number <= 1 = 0.4",
  }),
  make:
    ({ k }) =>
    ({ draftEntropy_N }) =>
      topFraction(draftEntropy_N, k),
})
