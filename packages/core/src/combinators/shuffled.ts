/** The placebo of filters that compare the draft to a reference. */
import { permutation } from "@winnow/numerics"
import { type } from "arktype"
import type { FilterInstance, FilterUse } from "../filter.ts"
import { reads } from "../needs.ts"
import { filterUse } from "../plugin-use.ts"
import { readsModel, type Statistic, type Statistics } from "../statistics/index.ts"
import { combined, defineCombinator } from "./combinator.ts"

/** The input with the reference's statistics that the filter reads dealt out: token n gets those of token from_N[n]. */
export const withDealtReference = (
  { needs }: Pick<FilterInstance, "needs">,
  input: Parameters<FilterInstance["select"]>[0],
  from_N: Int32Array,
): Parameters<FilterInstance["select"]>[0] => {
  const dealt = (values: Statistics[Statistic]) => Float32Array.from(from_N, (n) => values[n]!)
  const ofReference = needs.filter((s) => readsModel(s, "reference")).map((s) => [s, dealt(input[s])])
  return { ...input, ...Object.fromEntries(ofReference) }
}

/** The plugin behind `shuffled`, for settings and configs. */
export const shuffledFilter = defineCombinator({
  name: "shuffled",
  options: type({
    "+": "reject",
    of: filterUse.narrow(
      (use, ctx) =>
        reads("reference", use) ||
        ctx.reject({ expected: "a filter that reads a reference", actual: `${use.name}, which reads none` }),
    ),
  }),
  keeps: (_, [of]) => of!,
  make: (_, [of]) => {
    const filter = of!
    return {
      ...filter,
      select: (input) => {
        return filter.select(withDealtReference(filter, input, permutation(input.N, input.rng)))
      },
    }
  },
})

/**
 * The filter with the reference's statistics of each micro-batch shuffled by one common permutation: the same numbers,
 * each at another token's place. So the gain of such an arm does not come from the reference's judgement of a token.
 *
 * The permutation is drawn from the generator of run, step and micro-batch, before the filter draws from it.
 *
 * @source own; a placebo with the same marginals
 */
export const shuffled = <R>(filter: FilterUse<R>): FilterUse<R> => combined(shuffledFilter({ of: filter }), filter)
