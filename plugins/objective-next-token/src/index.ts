/** Predicts each trained token from the tokens before it: language modelling. */
import { defineObjective, nextTokenProblem } from "@winnow/core"
import { type } from "arktype"

/**
 * The objective `next-token`: position t predicts token t + 1, from the end of the prompt on. It has no options.
 *
 * The lab trains by the same code in every experiment without an explicit objective.
 */
export const nextToken = defineObjective({
  name: "next-token",
  repeats: true,
  reads: "before",
  options: type({ "+": "reject" }),
  make:
    () =>
    ({ examples, padId }) =>
      nextTokenProblem(examples, padId),
})
