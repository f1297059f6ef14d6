/** Keeps a random fraction of the tokens: the control that tells what a filter chooses from how much it keeps. */
import { defineFilter } from "@winnow/core"
import { permutation } from "@winnow/numerics"
import { type } from "arktype"

/**
 * The filter `random`: a uniformly random subset of exactly round(k N) tokens, at least 1.
 *
 * An exact count, not a coin a token: the size of the kept set, and with it the work of a step, then varies no more than
 * under the filter it is the control of. Drawn from the generator of run, step and micro-batch.
 */
export const random = defineFilter({
  name: "random",
  needs: [],
  options: type({
    "+": "reject",
    // Keep ratio; 0.4 as AdaSPEC's, which this is the control of.
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
