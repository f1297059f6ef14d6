/** Scores a start by its number of parameters: the control that a score of several sizes has to beat. */
import { defineScore } from "@winnow/core"
import { type } from "arktype"

/**
 * The score `size`: the number of parameters; higher is better. A static control, the same for all starts of one shape.
 *
 * @source as a ranking of models: "How not to benchmark your SITE metric", arXiv 2510.06448
 */
export const size = defineScore({
  name: "size",
  needs: ["parameters"],
  better: "higher",
  options: type({ "+": "reject" }),
  make:
    () =>
    ({ parameters }) =>
      parameters,
})
