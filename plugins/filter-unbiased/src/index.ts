/** Draws tokens by how open the target is there, and weights them so that the loss stays that of all tokens. */
import { defineFilter } from "@winnow/core"
import { requireFinite } from "@winnow/numerics"
import { type } from "arktype"
import { inclusion, systematic } from "./inclusion.ts"

/**
 * The filter `unbiased`: token n is kept with chance pi_n = max(floor, c H(p)_n), at most 1, and weighs 1 / pi_n.
 *
 * The mean of pi is k. The weighted loss over N has the loss on all tokens as its mean over draws: the optimum is that of all
 * tokens, the cost of the gradient is a fraction k, and tokens on which the target is certain, whose gradient is small,
 * add the variance. The scores are the target's alone.
 *
 * @error NotFinite where an entropy is NaN or infinite
 * @source our own use of Horvitz and Thompson (1952); arXiv 2503.16870 has the same argument for sampled vocabularies
 */
export const unbiased = defineFilter({
  name: "unbiased",
  needs: ["targetEntropy_N"],
  options: type({
    "+": "reject",
    // Keep ratio in the mean; 0.4 to compare with AdaSPEC's.
    k: "0 < number <= 1 = 0.4",
    // The least chance of a token, which bounds its weight by 1 / floor; lowered to k where it is above it.
    floor: "0 < number <= 1 = 0.1",
  }),
  make:
    ({ k, floor }) =>
    ({ N, targetEntropy_N, rng }) => {
      requireFinite("targetEntropy_N", targetEntropy_N)
      // Rounding can leave an entropy just below 0.
      const scores_N = targetEntropy_N.map((h) => Math.max(0, h))
      const pi_N = inclusion(scores_N, Math.min(N, Math.max(1, k * N)), floor)
      const weights_N = systematic(pi_N, rng.uniform())
      // A sum of pi just below 1 by rounding may keep none.
      if (!weights_N.some((w) => w > 0)) weights_N[N - 1] = 1 / pi_N[N - 1]!
      return { weights_N, divideBy: "valid" }
    },
})
