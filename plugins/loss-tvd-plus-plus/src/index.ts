/** TVD++: total variation as a policy gradient with normalised rewards, in three possible readings. */
import { defineLoss } from "@winnow/core"
import { type } from "arktype"
import { exact } from "./exact.ts"
import { sampled } from "./sampled.ts"
import { uniform } from "./uniform.ts"

/**
 * The loss `tvd-plus-plus`: - E[A(x) log q(x)] with the advantage A = (r - mu) / sigma of the reward r = 1{p > q}.
 *
 * Rewards, mu and sigma carry no gradient. The option `expectation` sets the range of the expectation and the moments;
 * the README describes each reading.
 *
 * @source Goel et al. 2024, arXiv 2403.00858; the readings are our own, as the paper leaves them open
 */
export const tvdPlusPlus = defineLoss({
  name: "tvd-plus-plus",
  target: true,
  options: type({
    "+": "reject",
    // "exact" by default: the policy gradient as defined, without sampling noise, at the cost of the draft's softmax,
    // which is computed anyway. It is TVD / sigma, so it differs from `tvd` by one factor a batch.
    expectation: "'exact' | 'uniform' | 'sampled' = 'exact'",
    // The range of mu and sigma; "position" (each row's vocabulary) is the open implementation's, "uniform" only.
    normalise: "'batch' | 'position' = 'batch'",
    // Draws a token for "sampled": 1 is plain policy gradient.
    samples: "1 <= number.integer <= 64 = 1",
  }).narrow(
    ({ expectation, normalise, samples }, problem) =>
      (normalise === "batch" || expectation === "uniform" || problem.mustBe("batch-normalised unless uniform")) &&
      (samples === 1 || expectation === "sampled" || problem.mustBe("without `samples` unless sampled")),
  ),
  make: ({ expectation, normalise, samples }) => {
    if (expectation === "exact") return exact
    return expectation === "uniform" ? uniform(normalise) : sampled(samples)
  },
})
