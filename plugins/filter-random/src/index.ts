/**
 * Keeps a random fraction of the tokens: the control that separates the choice of a filter from the number of kept
 * tokens.
 */
import { defineFilter } from "@winnow/core"
import { permutation } from "@winnow/numerics"
import { type } from "arktype"

/**
 * The filter `random`: a uniformly random subset of exactly round(k N) tokens, at least 1.
 *
 * The count is exact, not a coin for each token: the size of the kept set, and with it the work of a step, then varies
 * no more than under the filter that it is the control of. It draws from the generator of run, step and micro-batch.
 */
export const random = defineFilter({
  name: "random",
  needs: [],
  options: type({
    "+": "reject",
    // Keep ratio; 0.4 like AdaSPEC, which it is the control of.
    k: "0 < number <= 1 = 0.4",
  }),
  make:
    ({ k }) =>
    ({ N, rng }) => {
      const kept_N = new Uint8Array(N)
      for (const n of permutation(N, rng).subarray(0, Math.max(1, Math.round(k * N)))) kept_N[n] = 1
      return kept_N
    },
})
