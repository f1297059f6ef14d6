/** The accuracy of a head at one of its offsets. */
import { countMatches, defineMeasure, goldOfEntry, InvalidInput, nextTokenProblem } from "@winnow/core"
import { type } from "arktype"
import { Effect } from "effect"

/**
 * The measure `at-offset`: for each text the share of tokens that the head's entry number `offset` predicts correctly, 0 to
 * 1, higher is better. Entry k of medusa and of eagle predicts the k-th token behind the next one.
 *
 * @error InvalidInput for a head of fewer entries
 */
export const atOffset = defineMeasure({
  name: "at-offset",
  reads: ["rows"],
  better: "higher",
  unit: "%",
  options: type({ "+": "reject", offset: "number.integer >= 1" }),
  make: ({ offset }) =>
    Effect.succeed(({ rows, examples }) => {
      const problem = nextTokenProblem(examples, 0)
      const entries = rows(problem)
      const entry = entries[offset - 1]
      if (entry !== undefined) return countMatches(problem, [entry], (of) => goldOfEntry(of, problem.gold_N))
      const problems = [`the head has ${entries.length} entries, and entry ${offset} was asked for`]
      throw new InvalidInput({ what: "measure at-offset", problems })
    }),
})
