/** Labels that say nothing: the zero of every comparison. */
import { defineVariable } from "@winnow/core"
import { seeded } from "@winnow/numerics"
import { type } from "arktype"

/**
 * The variable `noise`: a class at random for each token, with these shares. The same text has the same labels, so that
 * they can be learned by heart, and say nothing of any other text.
 */
export const noise = defineVariable({
  name: "noise",
  classes: ({ shares }) => shares.length,
  looksAhead: true, // the generator is seeded by the whole text
  options: type({
    "+": "reject",
    shares: type("number > 0")
      .array()
      .atLeastLength(2)
      .default(() => [0.6, 0.3, 0.1]),
    seed: "number.integer >= 0 = 1",
  }),
  make: ({ shares, seed }) => {
    const sum = shares.reduce((a, b) => a + b)
    return ({ ids }) => {
      const rng = seeded(seed, "noise", ids.join(","))
      return Array.from(ids, () => {
        let left = rng.uniform() * sum
        const at = shares.findIndex((share) => (left -= share) < 0)
        return at < 0 ? shares.length - 1 : at
      })
    }
  },
})
