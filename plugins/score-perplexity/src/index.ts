/** Scores a start by its present prediction of the text: the perplexity of gold tokens. */
import { defineScore } from "@winnow/core"
import { type } from "arktype"

/**
 * The score `perplexity`: exp of the mean of -log q(gold) over the scored tokens, 1 or more; lower is better.
 *
 * It is a static control: it measures the model's present quality, not its potential.
 */
export const perplexity = defineScore({
  name: "perplexity",
  needs: ["loss_M"],
  better: "lower",
  options: type({ "+": "reject" }),
  make:
    () =>
    ({ M, loss_M }) =>
      Math.exp(loss_M.reduce((sum, loss) => sum + loss, 0) / M),
})
