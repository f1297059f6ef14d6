/** Scores a start by the variance of its hidden states within a class: TMI in the reading of a trace. */
import { centredStates, defineScore, statesByClass } from "@winnow/core"
import { type } from "arktype"

/**
 * The score `tmi-trace`: the variance of hidden states within a class, sum_c n_c / N trace(cov_c), with the covariance of
 * a class over its n_c states; 0 or more, higher is better.
 *
 * A class of one state has no variance and counts as 0.
 *
 * @source "intra-class variance" taken literally, a reading of arXiv 2308.05986 by others; the authors' own code measures
 * an entropy, which is `tmi-knn`
 */
export const tmiTrace = defineScore({
  name: "tmi-trace",
  needs: ["h_Nd"],
  better: "higher",
  options: type({
    "+": "reject",
    // As they are, as in the literal reading: the score grows with the square of the states' size.
    scale: "'none' | 'rms' | 'standard' = 'none'",
    // True divides by d, for starts of different widths.
    perDimension: "boolean = false",
  }),
  least: () => 2,
  make:
    ({ scale, perDimension }) =>
    ({ N, d, C, h_Nd, class_N }) => {
      const x_Nd = centredStates(h_Nd, N, d, scale)
      let sum = 0
      for (const states of statesByClass(class_N, C))
        for (let i = 0; i < d; i++) {
          let mean = 0
          for (const n of states) mean += x_Nd[n * d + i]! / states.length
          for (const n of states) sum += (x_Nd[n * d + i]! - mean) ** 2
        }
      return sum / N / (perDimension ? d : 1)
    },
})
