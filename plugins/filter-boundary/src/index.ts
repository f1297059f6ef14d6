/** Keeps the tokens whose greedy decision can still change sides. */
import { defineFilter } from "@winnow/core"
import { requireFinite, topFraction } from "@winnow/numerics"
import { type } from "arktype"

/**
 * The filter `boundary`: of the tokens whose target argmax is among the draft's `top` first, keep the fraction k of all
 * with the narrowest margin |log q(argmax p) - max over the others of log q|.
 *
 * A settled token and a hopeless one do not change acceptance by a small step; one near the boundary does. Where fewer
 * than the fraction k are within the draft's first, only they are kept; where none is, all.
 *
 * @error NotFinite where a margin is NaN or infinite
 * @source our own; the idea of training up to the first refused token only is in arXiv 2607.01893
 */
export const boundary = defineFilter({
  name: "boundary",
  needs: ["draftRank_N", "draftLead_N"],
  options: type({
    "+": "reject",
    // Keep ratio, an upper bound; 0.4 to compare with AdaSPEC's.
    k: "0 < number <= 1 = 0.4",
    // The tokens of the draft among which the target's must be: beyond 3 a small step does not bring it to the first place.
    top: "number.integer >= 1 = 3",
    // "valid" divides by all valid tokens: a step k times smaller.
    divideBy: "'kept' | 'valid' = 'kept'",
  }),
  make:
    ({ k, top, divideBy }) =>
    ({ draftRank_N, draftLead_N }) => {
      requireFinite("draftRank_N", draftRank_N)
      const score_N = draftLead_N.map(Math.abs)
      const narrow_N = topFraction(score_N, k, "bottom")
      const inReach_N = narrow_N.map((kept, n) => (draftRank_N[n]! < top ? kept : 0))
      return { weights_N: inReach_N.some((kept) => kept > 0) ? inReach_N : narrow_N, divideBy, score_N }
    },
})
