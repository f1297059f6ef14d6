/** Scores a start by the entropy of its hidden states within a class: TMI by nearest neighbours. */
import { centredStates, defineScore, statesByClass } from "@winnow/core"
import { type } from "arktype"
import { classEntropy } from "./entropy.ts"

/**
 * The score `tmi-knn`: the entropy of hidden states within each class by distances to the k-th neighbour, nats, as the
 * authors' code computes it: sum over C classes of h_c n_c / N, divided by C. Higher is better.
 *
 * A class of one state has h_c = 0. A class of 2 to k states has none: it is left out of the sum and of C. 0 where no
 * class is left.
 *
 * @source Xu and Kang, "Fast and Accurate Transferability Measurement by Evaluating Intra-class Feature Variance", ICCV
 * 2023, arXiv 2308.05986, and the defaults of its released code
 */
export const tmiKnn = defineScore({
  name: "tmi-knn",
  needs: ["h_Nd"],
  better: "higher",
  unit: "nats",
  options: type({
    "+": "reject",
    // The neighbour whose distance is measured; the released default.
    k: "1 <= number.integer <= 1000 = 3",
    // The least distance: shorter ones count as this one. 1 is the released default, in the units of the states.
    floor: "number >= 0 = 1",
    // Units of the floor: the states' own, or the median distance of all states to their k-th neighbours.
    floorIn: "'units' | 'medians' = 'units'",
    // The released code leaves the states as they are, so the score grows with their size.
    scale: "'none' | 'rms' | 'standard' = 'none'",
    // True divides by d, for starts of different widths.
    perDimension: "boolean = false",
  }),
  least: ({ k }) => k + 1,
  make:
    ({ k, floor, floorIn, scale, perDimension }) =>
    ({ N, d, C, h_Nd, class_N }) => {
      const x_Nd = centredStates(h_Nd, N, d, scale)
      const classes = statesByClass(class_N, C)
      const entropies = classEntropy(x_Nd, d, classes, { k, floor, floorIn })
      let [sum, counted] = [0, 0]
      for (const [c, states] of classes.entries()) {
        const entropy = entropies[c]!
        if (entropy === null) continue
        sum += (entropy * states.length) / N
        counted++
      }
      return counted === 0 ? 0 : sum / counted / (perDimension ? d : 1)
    },
})
