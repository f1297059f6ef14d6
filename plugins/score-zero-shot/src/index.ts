/** Scores a start by its present agreement with the target: the acceptance that it has without training. */
import { defineScore } from "@winnow/core"
import { type } from "arktype"

/**
 * The score `zero-shot`: the mean over the scored tokens of sum_v min(p_v, q_v), the chance that the target p accepts a
 * sample of the start q; 0 to 1, higher is better.
 *
 * It is the obvious score of a start: another one has to tell something beyond it.
 *
 * @source the acceptance rate of Leviathan et al., arXiv 2211.17192, at temperature 1
 */
export const zeroShot = defineScore({
  name: "zero-shot",
  needs: ["acceptance_M"],
  better: "higher",
  unit: "%",
  options: type({ "+": "reject" }),
  make:
    () =>
    ({ M, acceptance_M }) =>
      acceptance_M.reduce((sum, x) => sum + x, 0) / M,
})
