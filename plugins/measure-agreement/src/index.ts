/** The share of tokens for which a draft and the frozen target make the same prediction in an objective's problem. */
import { countMatches, type DraftRows, defineMeasure, InvalidInput, mostProbable, objectiveUse } from "@winnow/core"
import { type } from "arktype"
import { Effect } from "effect"

/** @error InvalidInput (thrown) for an entry with classes of its own, which the target does not predict */
const tokensOfTarget = ({ classes, at_M }: DraftRows, target_N: Int32Array): Int32Array => {
  if (classes === undefined) return at_M?.map((n) => target_N[n]!) ?? target_N
  const problems = ["the head predicts classes of its own, and the target predicts tokens; take accuracy"]
  throw new InvalidInput({ what: "measure agreement", problems })
}

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
      const target_N = mostProbable(targetRows(problem))
      return countMatches(problem, rows(problem), (entry) => tokensOfTarget(entry, target_N))
    }),
})
