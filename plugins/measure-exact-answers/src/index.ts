/** The share of texts whose whole answer a draft would write: every token greedily predicted, the end too. */
import { countMatches, defineMeasure, goldOfEntry, nextTokenProblem } from "@winnow/core"
import { type } from "arktype"

/**
 * The measure `exact-answers`: 1 for each text of which the draft's most probable token is the gold one at every trained token, so
 * that greedy decoding writes exactly the answer; 0 to 1, higher is better.
 *
 * It is the accuracy of a task whose answers are labels. A text without a trained token is not counted.
 */
export const exactAnswers = defineMeasure({
  name: "exact-answers",
  reads: ["rows"],
  attends: "before",
  better: "higher",
  unit: "%",
  options: type({ "+": "reject" }),
  make:
    () =>
    ({ rows, examples }) => {
      const problem = nextTokenProblem(examples, 0)
      return countMatches(problem, rows(problem), (entry) => goldOfEntry(entry, problem.gold_N)).map(([right, all]) => [
        all > 0 && right === all ? 1 : 0,
        all > 0 ? 1 : 0,
      ])
    },
})
