/** A placebo for filters that compare the draft to a reference. */
import { type FilterInstance, readsModel, type Statistic, type Statistics } from "@winnow/core"
import { permutation } from "@winnow/numerics"

/**
 * The filter with the reference's statistics of each micro-batch dealt out anew: the same numbers, one permutation for all of
 * them, each at another token's place. The gain of such an arm does not come from the reference's judgement of a
 * token.
 *
 * The permutation is drawn from the generator of run, step and micro-batch, before the filter draws from it.
 *
 * @source own; a placebo with the same marginals
 */
export const shuffledReference = (filter: FilterInstance): FilterInstance => ({
  ...filter,
  select: (input) => {
    const order = permutation(input.N, input.rng)
    const dealt = (values: Statistics[Statistic]) => Float32Array.from(order, (n) => values[n]!)
    const reference = filter.needs.filter((s) => readsModel(s, "reference")).map((s) => [s, dealt(input[s])])
    return filter.select({ ...input, ...Object.fromEntries(reference) })
  },
})
