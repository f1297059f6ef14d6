/** Each trained token from the tokens before it: language modelling. */
import { defineObjective, nextTokenProblem } from "@winnow/core"
import { type } from "arktype"

/**
 * The objective `next-token`: position t predicts token t + 1, from the end of the prompt on. Has no options.
 *
 * The lab trains by the same code wherever an experiment names no objective.
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
