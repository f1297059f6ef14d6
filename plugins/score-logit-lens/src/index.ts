/** Scores a layer by the prediction that the model would make there: its own final norm and vocabulary head on the layer's states. */
import { defineScore } from "@winnow/core"
import { type } from "arktype"

/**
 * The score `logit-lens`: the mean over the states of sum_v min(p_v, q_v), or the share whose most probable tokens are the
 * same; 0 to 1, higher is better. q is the prediction at the layer, p the model's own.
 *
 * At the last layer it is 1 for every model: it orders layers, not starts.
 *
 * @source the logit lens, nostalgebraist, "interpreting GPT: the logit lens", 2020; the overlap is our reading of it
 */
export const logitLens = defineScore({
  name: "logit-lens",
  needs: ["lensAcceptance_N", "lensAgreement_N"],
  better: "higher",
  unit: "%",
  options: type({
    "+": "reject",
    // "overlap" is the chance that the model would accept a token drawn at the layer; "top" counts equal first choices.
    by: "'overlap' | 'top' = 'overlap'",
  }),
  make:
    ({ by }) =>
    ({ N, lensAcceptance_N, lensAgreement_N }) =>
      (by === "overlap" ? lensAcceptance_N : lensAgreement_N).reduce((sum, x) => sum + x, 0) / N,
})
