/** Scores a start by its confidence. Replace this by your own idea. */
import { defineScore } from "@winnow/core"
import { type } from "arktype"

/** The score `my-score`: the mean entropy of the start on the scored tokens, nats; lower is better. Own idea. */
export const myScore = defineScore({
  name: "my-score",
  needs: ["entropy_M"],
  better: "lower",
  unit: "nats",
  options: type({ "+": "reject" }),
  make:
    () =>
    ({ M, entropy_M }) =>
      entropy_M.reduce((sum, h) => sum + h, 0) / M,
})
