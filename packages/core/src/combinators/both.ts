/** A filter that keeps the tokens that both of two filters keep. */
import { type } from "arktype"
import { checkedSelection } from "../contract/filter-contract.ts"
import type { FilterInstance, FilterUse } from "../filter.ts"
import { filterUse } from "../plugin-use.ts"
import { jointState } from "../step-state.ts"
import { combined, defineCombinator } from "./combinator.ts"

const weightsOf = (filter: FilterInstance, input: Parameters<FilterInstance["select"]>[0]) =>
  checkedSelection(`filter ${filter.name}`, filter.select(input), input.N).weights_N

/** The plugin behind `both`, for settings and configs. */
export const bothFilter = defineCombinator({
  name: "both",
  options: type({
    "+": "reject",
    of: filterUse.array().exactlyLength(2),
    // The normaliser of the result, independent of the two filters' own: with "kept" a step's size does not depend on
    // the number of kept tokens.
    divideBy: "'kept' | 'valid' = 'kept'",
  }),
  keeps: (_, [first, second]) => first! * second!,
  make: ({ divideBy }, [first, second]) => ({
    ...jointState({ first: first!, second: second! }),
    select: (input) => {
      const [a_N, b_N] = [weightsOf(first!, input), weightsOf(second!, input)]
      const product_N = Float32Array.from(a_N, (a, n) => a * b_N[n]!)
      return { weights_N: product_N.some((w) => w > 0) ? product_N : a_N, divideBy }
    },
  }),
})

/**
 * The intersection of two filters: the weight of a token is the product of its two weights. If no token of a
 * micro-batch is in both, the choice of `first` stands, as a step needs a token to train on.
 *
 * `first` draws from the generator of the micro-batch before `second` does.
 *
 * @param options.divideBy the normaliser of the result, "kept" if left out; those of the two filters do not count
 */
export const both = <A, B>(
  first: FilterUse<A>,
  second: FilterUse<B>,
  options: { readonly divideBy?: "kept" | "valid" } = {},
): FilterUse<A | B> => combined<A | B>(bothFilter({ of: [first, second], ...options }), first, second)
