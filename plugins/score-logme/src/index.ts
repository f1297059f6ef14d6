/** Scores a start by the evidence of a linear model from its states to the classes: LogME. */
import { covarianceOf, defineScore } from "@winnow/core"
import { type } from "arktype"
import { EigenvalueDecomposition, Matrix } from "ml-matrix"
import { evidence } from "./evidence.ts"

/** Eigenvalues below this share of the largest one count as 0. */
const negligible = 1e-12

/**
 * The score `logme`: the mean over classes of the largest log evidence, over N, that a Bayesian linear regression on the states
 * has for the class's one-hot labels; nats a state, higher is better.
 *
 * The states are neither centred nor scaled, and there is no constant. States of rank 0 are no predictor: the evidence is
 * that of noise alone.
 *
 * @source You et al., "LogME", ICML 2021, arXiv 2102.11005; the fixed point: arXiv 2110.10545
 */
export const logMe = defineScore({
  name: "logme",
  needs: ["h_Nd"],
  better: "higher",
  unit: "nats",
  options: type({ "+": "reject" }),
  make:
    () =>
    ({ N, d, C, h_Nd, class_N }) => {
      const f_Nd = Float64Array.from(h_Nd)
      const gram = new Matrix(d, d)
      const s_dd = covarianceOf(f_Nd, N, d)
      for (let i = 0; i < d; i++) for (let j = 0; j < d; j++) gram.set(i, j, N * s_dd[i * d + j]!)
      const { realEigenvalues: values, eigenvectorMatrix: vectors } = new EigenvalueDecomposition(gram, {
        assumeSymmetric: true,
      })
      const largest = Math.max(...values)
      const used = values.flatMap((value, k) => (value > negligible * largest && value > 0 ? [k] : []))
      const sigma_k = Float64Array.from(used, (k) => values[k]!)
      let sum = 0
      for (let c = 0; c < C; c++) {
        const y_d = new Float64Array(d)
        let count = 0
        for (let n = 0; n < N; n++) {
          if (class_N[n] !== c) continue
          count++
          for (let i = 0; i < d; i++) y_d[i]! += f_Nd[n * d + i]!
        }
        // The squared length of y along each left singular vector: (v . F^T y)^2 / sigma.
        const squares_k = Float64Array.from(used, (k) => {
          let along = 0
          for (let i = 0; i < d; i++) along += vectors.get(i, k) * y_d[i]!
          return (along * along) / values[k]!
        })
        sum += evidence(sigma_k, squares_k, count, N)
      }
      return sum / C
    },
})
