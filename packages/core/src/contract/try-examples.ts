/** The trial of a filter of examples on random statistics and random states. */
import { normals, seeded } from "@winnow/numerics"
import type { ExamplesInstance } from "../example-filter.ts"
import { PluginFault } from "./fault.ts"
import { randomExamplesInput } from "./random-batches.ts"

/** Sizes of the random states: of the general text, and of an example. */
const [G, n, d] = [48, 5, 6]

/**
 * Chooses among E random examples, and scores random states if the filter has a score of states.
 *
 * @error PluginFault (thrown) names the broken rule: the contract's, a score that changes the states, or one that differs
 * for the same states
 */
export const tryExamples = ({ name, choose, states }: ExamplesInstance, E: number, seed: number): Uint8Array => {
  const chosen = choose(randomExamplesInput(E, seed))
  if (states === undefined) return chosen
  const random = (rows: number, of: string) => normals(rows * d, 1, seeded(seed, "states", of))
  const score = states.fit(random(G, "general"), G, d)
  for (const rows of [n, 1]) {
    const given = random(rows, "example")
    const scores = [score(given, rows), score(random(rows, "example"), rows)]
    const broken = (rule: string, detail: string) => new PluginFault(`examples ${name}`, rule, detail)
    if (given.some((x, i) => x !== random(rows, "example")[i]))
      throw broken("input untouched", "its score of states writes to the states; copy them first")
    if (scores[0] !== scores[1])
      throw broken(
        "deterministic",
        `scored the same states as ${scores.join(" and ")}; the score may depend on them alone`,
      )
  }
  return chosen
}
