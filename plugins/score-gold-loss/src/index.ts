/** Scores a start by its present prediction of the text: the mean loss of gold tokens, a log-perplexity. */
import { defineScore } from "@winnow/core"
import { type } from "arktype"

/**
 * The score `gold-loss`: the mean of -log q(gold) over the scored tokens, nats, 0 or more; lower is better.
 *
 * It is a static control: it measures the model's present quality, not its potential.
 */
export const goldLoss = defineScore({
  name: "gold-loss",
  needs: ["loss_N"],
  better: "lower",
  unit: "nats",
  options: type({ "+": "reject" }),
  make:
    () =>
    ({ N, loss_N }) =>
      loss_N.reduce((sum, loss) => sum + loss, 0) / N,
})
