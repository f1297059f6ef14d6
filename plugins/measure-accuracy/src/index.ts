/** The share of tokens that a draft predicts correctly in an objective's problem: the next token, or a masked one. */
import { countMatches, defineMeasure, goldOfEntry, objectiveUse } from "@winnow/core"
import { type } from "arktype"
import { Effect } from "effect"

/**
 * The measure `accuracy`: for each text the number of tokens whose most probable prediction is the gold token, over all
 * tokens that the draft predicts in the problem; 0 to 1, higher is better.
 *
 * With the objective `masked` it is masked accuracy, for encoders; every model predicts the same masked tokens. For a
 * head it is the accuracy at its offset, or of its own classes; a head with several entries counts all of them.
 */
export const accuracy = defineMeasure({
  name: "accuracy",
  reads: ["rows"],
  better: "higher",
  unit: "%",
  options: type({ "+": "reject", objective: objectiveUse }),
  make: ({ objective }) =>
    Effect.map(objective.instance, ({ problem: make }) => ({ rows, examples, vocabularySize, rng }) => {
      const problem = make({ examples, padId: 0, vocabularySize, step: 0, steps: 1, rng })
      return countMatches(problem, rows(problem), (entry) => goldOfEntry(entry, problem.gold_N))
    }),
})
