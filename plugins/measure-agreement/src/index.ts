/** The share of tokens for which a draft and the frozen target make the same prediction in an objective's problem. */
import { countMatches, defineMeasure, mostProbable, objectiveUse } from "@winnow/core"
import { type } from "arktype"
import { Effect } from "effect"

/**
 * The measure `agreement`: for each text the number of tokens whose most probable prediction is the target's, over all
 * tokens that the draft predicts in the problem; 0 to 1, higher is better.
 *
 * Both read the same problem, whose texts are the data's own. A head is compared with the target's prediction of the
 * same token, for which the target has read the tokens in between.
 */
export const agreement = defineMeasure({
  name: "agreement",
  reads: ["rows", "targetRows"],
  better: "higher",
  unit: "%",
  options: type({ "+": "reject", objective: objectiveUse }),
  make: ({ objective }) =>
    Effect.map(objective.instance, ({ problem: make }) => ({ rows, targetRows, examples, vocabularySize, rng }) => {
      const problem = make({ examples, padId: 0, vocabularySize, step: 0, steps: 1, rng })
      return countMatches(problem, rows(problem), mostProbable(targetRows(problem)))
    }),
})
