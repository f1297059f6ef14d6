/** Weights each token by what its acceptance is worth in tokens a call of the target. */
import { defineFilter } from "@winnow/core"
import { requireFinite } from "@winnow/numerics"
import { type } from "arktype"
import { blockWeights } from "./block-weight.ts"

/**
 * The filter `block-weight`: weight = d tau / d acceptance of the token, tau the mean tokens a call over all starts of a block.
 *
 * Under the loss `tvd`, which is 1 - acceptance, the weighted loss has the gradient of -tau by the draft. A token behind
 * refused ones is hardly ever reached, so it weighs little; one in a row of accepted tokens carries all behind it.
 *
 * @error NotFinite where an acceptance is NaN or infinite
 * @source our own; the objective E[tau] is in public trainers of draft heads
 */
export const blockWeight = defineFilter({
  name: "block-weight",
  needs: ["acceptance_N"],
  options: type({
    "+": "reject",
    // Draft tokens a block; 4 as experiments measure. 1 gives all tokens of a text the same weight.
    gamma: "1 <= number.integer <= 64 = 4",
    // "kept" divides by the sum of weights; "valid" by the number of tokens.
    divideBy: "'kept' | 'valid' = 'kept'",
  }),
  make:
    ({ gamma, divideBy }) =>
    ({ N, acceptance_N, sequence_N }) => {
      requireFinite("acceptance_N", acceptance_N)
      const weights_N = new Float32Array(N)
      for (let first = 0; first < N; ) {
        let last = first
        while (last < N && sequence_N[last] === sequence_N[first]) last++
        const text_N = blockWeights(acceptance_N.subarray(first, last), gamma)
        // The mean is over the starts of all texts of the micro-batch.
        for (const [t, weight] of text_N.entries()) weights_N[first + t] = (weight * (last - first)) / N
        first = last
      }
      return { weights_N, divideBy }
    },
})
