/** Reads a random fraction of the examples: the control of every filter that chooses examples by their properties. */
import { defineFilter } from "@winnow/core"
import { permutation } from "@winnow/numerics"
import { type } from "arktype"

/**
 * The filter of examples `random-examples`: a uniformly random subset of exactly round(k E) of the E examples, at least 1.
 *
 * Chosen once, by the run's seed, before the first step. It reads no statistic, so it costs no pass over the data.
 */
export const randomExamples = defineFilter({
  name: "random-examples",
  of: "examples",
  needs: [],
  options: type({
    "+": "reject",
    // Fraction of the examples; one half, like the selections that it is the control of.
    k: "0 < number <= 1 = 0.5",
  }),
  make:
    ({ k }) =>
    ({ E, rng }) => {
      const kept_E = new Uint8Array(E)
      for (const e of permutation(E, rng).subarray(0, Math.max(1, Math.round(k * E)))) kept_E[e] = 1
      return kept_E
    },
})
