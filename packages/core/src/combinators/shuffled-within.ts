/** The placebo of a reference that leaves the part of the choice which the draft alone makes. */
import { permutation } from "@winnow/numerics"
import { type } from "arktype"
import type { FilterUse } from "../filter.ts"
import { reads } from "../needs.ts"
import { filterUse } from "../plugin-use.ts"
import { readsModel } from "../statistics/index.ts"
import { combined, defineCombinator } from "./combinator.ts"
import { shuffledFilter, withDealtReference } from "./shuffled.ts"

/** The plugin behind `shuffledWithin`, for settings and configs. */
export const shuffledWithinFilter = defineCombinator({
  name: "shuffled-within",
  options: type({
    "+": "reject",
    bins: "number.integer >= 1",
    of: filterUse.narrow(
      (use, ctx) =>
        (reads("reference", use) && use.needs.statistics.some((s) => readsModel(s, "draft"))) ||
        ctx.reject({
          expected: "a filter that reads the draft and a reference",
          actual: `${use.name}, which reads ${use.needs.statistics.join(", ") || "nothing"}`,
        }),
    ),
  }),
  keeps: (_, [of]) => of!,
  make: ({ bins }, [of]) => {
    const filter = of!
    const byDraft = filter.needs.find((s) => readsModel(s, "draft"))!
    return {
      ...filter,
      select: (input) => {
        const { N, rng } = input
        const draft_N = input[byDraft]
        const ranked = Int32Array.from({ length: N }, (_, n) => n).sort((a, b) => draft_N[a]! - draft_N[b]! || a - b)
        // from_N[n]: the token whose numbers of the reference token n gets; both are in one bin.
        const from_N = new Int32Array(N)
        for (let bin = 0; bin < bins; bin++) {
          const tokens = ranked.subarray(Math.floor((bin * N) / bins), Math.floor(((bin + 1) * N) / bins))
          permutation(tokens.length, rng).forEach((other, i) => {
            from_N[tokens[i]!] = tokens[other]!
          })
        }
        return filter.select(withDealtReference(filter, input, from_N))
      },
    }
  },
})

/**
 * The filter with the reference's statistics shuffled among tokens that the draft finds equally hard: within `bins`
 * bins of equal size, by the first statistic of the draft that the filter reads.
 *
 * `shuffled` breaks the tie between the two models as well: a large draft loss minus a number by luck is a choice of
 * hard tokens. Here the draft's own share of the choice stays, and what the reference knows of a token beyond that is
 * gone. With as many bins as tokens nothing moves; with one bin it is `shuffled` under other draws.
 *
 * @param bins of N tokens each with N / bins of them; at least 1
 * @source own; a placebo with the same marginals in each bin
 */
export const shuffledWithin = <R>(filter: FilterUse<R>, { bins = 16 }: { readonly bins?: number } = {}): FilterUse<R> =>
  combined(shuffledWithinFilter({ bins, of: filter }), filter)

/** True for a filter that `shuffled` or `shuffledWithin` made: a control. */
export const isShuffled = ({ withOptions }: FilterUse<unknown>): boolean =>
  withOptions === shuffledFilter.use || withOptions === shuffledWithinFilter.use
