/** Reads the examples that the draft finds hardest, or easiest, by its perplexity before the first step. */
import { defineFilter } from "@winnow/core"
import { topFraction } from "@winnow/numerics"
import { type } from "arktype"

/**
 * The filter of examples `perplexity`: the fraction k of the examples with the largest mean -log q(gold) over their valid
 * tokens, q the draft at the start of the arm; the exponential of that mean is the perplexity, so both have one order.
 *
 * Examples that equal the threshold are all kept, so more than k E may be. A usual control of selections by states.
 */
export const perplexity = defineFilter({
  name: "perplexity",
  of: "examples",
  needs: ["draftNll_N"],
  options: type({
    "+": "reject",
    // Fraction of the examples; one half, like the selections that it stands beside.
    k: "0 < number <= 1 = 0.5",
    // "top": the hardest for the draft; "bottom": the easiest.
    order: "'top' | 'bottom' = 'top'",
  }),
  make:
    ({ k, order }) =>
    ({ draftNll_E }) =>
      topFraction(draftNll_E, k, order),
})
