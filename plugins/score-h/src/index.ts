/** Scores a start by the share of its states' variance that lies between classes: the shrunken H-score. */
import { centredStates, covarianceOf, defineScore, statesByClass } from "@winnow/core"
import { type } from "arktype"
import { EigenvalueDecomposition, Matrix } from "ml-matrix"
import { ledoitWolf } from "./shrinkage.ts"

/** Eigenvalues below this share of the largest one count as 0. */
const negligible = 1e-12

/**
 * The score `h`: trace(pinv(S_a) (1 - a) B), 0 or more, higher is better; 0 for a constant layer and for one class.
 *
 * S is the covariance of the states and B that of their classes' means, both 1 / N; S_a = (1 - a) S + a mean(diag S) I
 * is S shrunk by the share a. Without shrinkage and with full rank it is at most C - 1, and no scaling changes it.
 *
 * @source Bao et al., ICIP 2019; shrunk: Ibrahim et al., "Newer is not always better", arXiv 2110.06893
 */
export const hScore = defineScore({
  name: "h",
  needs: ["h_Nd"],
  better: "higher",
  options: type({
    "+": "reject",
    // The share a: from the data by Ledoit and Wolf, as is usual, or a number.
    shrinkage: "'ledoit-wolf' | 0 <= number <= 1 = 'ledoit-wolf'",
  }),
  make:
    ({ shrinkage }) =>
    ({ N, d, C, h_Nd, class_N }) => {
      const x_Nd = centredStates(h_Nd, N, d, "none")
      const s_dd = covarianceOf(x_Nd, N, d)
      const a = shrinkage === "ledoit-wolf" ? ledoitWolf(x_Nd, s_dd, N, d) : shrinkage
      let mean = 0
      for (let i = 0; i < d; i++) mean += s_dd[i * d + i]! / d
      const shrunk = new Matrix(d, d)
      for (let i = 0; i < d; i++)
        for (let j = 0; j < d; j++) shrunk.set(i, j, (1 - a) * s_dd[i * d + j]! + (i === j ? a * mean : 0))
      const { realEigenvalues: values, eigenvectorMatrix: vectors } = new EigenvalueDecomposition(shrunk, {
        assumeSymmetric: true,
      })
      const least = negligible * Math.max(...values)
      // B = sum_c n_c / N m_c m_c^T, so the trace is a sum over classes and eigenvectors of (v . m_c)^2 / value.
      let score = 0
      for (const states of statesByClass(class_N, C)) {
        const m_d = new Float64Array(d)
        for (const n of states) for (let i = 0; i < d; i++) m_d[i]! += x_Nd[n * d + i]! / states.length
        for (const [k, value] of values.entries()) {
          if (value <= least || value <= 0) continue
          let along = 0
          for (let i = 0; i < d; i++) along += vectors.get(i, k) * m_d[i]!
          score += ((states.length / N) * along * along) / value
        }
      }
      return (1 - a) * score
    },
})
