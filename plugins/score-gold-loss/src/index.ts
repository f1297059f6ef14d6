/** Scores a start by how well it predicts the text already: the mean loss of gold tokens, a log-perplexity. */
import { defineScore } from "@winnow/core"
import { type } from "arktype"

/**
 * The score `gold-loss`: the mean of -log q(gold) over the scored tokens, nats, 0 or more; lower is better.
 *
 * A static control: it asks how good the model is now, not how far it can be brought.
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
