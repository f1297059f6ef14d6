/** Scores a start by a linear probe: how often its states tell the class, each state left out of its own probe. */
import { centredStates, covarianceOf, defineScore } from "@winnow/core"
import { type } from "arktype"
import { CholeskyDecomposition, Matrix } from "ml-matrix"

/** Predictions within this of the largest are tied with it. */
const tie = 1e-9

/**
 * The score `probe`: the share of states whose class a ridge regression on the others predicts, 0 to 1, higher is better.
 *
 * Labels are one-hot minus 1 / C, states are centred and each dimension has variance 1 or 0, over all states. The penalty is
 * `ridge` times N. Leaving one out is exact: a prediction z of state n becomes (z - H_nn y) / (1 - H_nn), with H the matrix
 * of the regression. Classes of equal prediction share the state.
 *
 * @source Hastie et al., The Elements of Statistical Learning, 7.10: leave-one-out by the diagonal of H
 */
export const probe = defineScore({
  name: "probe",
  needs: ["h_Nd"],
  better: "higher",
  unit: "%",
  options: type({
    "+": "reject",
    // The penalty over N: a hundredth of a dimension's variance, weak where there are more states than dimensions.
    ridge: "number > 0 = 0.01",
  }),
  make:
    ({ ridge }) =>
    ({ N, d, C, h_Nd, class_N }) => {
      const x_Nd = centredStates(h_Nd, N, d, "standard")
      const s_dd = covarianceOf(x_Nd, N, d)
      const penalised = new Matrix(d, d)
      for (let i = 0; i < d; i++)
        for (let j = 0; j < d; j++) penalised.set(i, j, N * (s_dd[i * d + j]! + (i === j ? ridge : 0)))
      // F^T Y: the sums of each class's states, as sum_n x_n = 0 takes the constant 1 / C out.
      const sums = Matrix.zeros(d, C)
      for (let n = 0; n < N; n++)
        for (let i = 0; i < d; i++) sums.set(i, class_N[n]!, sums.get(i, class_N[n]!) + x_Nd[n * d + i]!)
      const solver = new CholeskyDecomposition(penalised)
      const weights = solver.solve(sums)
      const states = new Matrix(d, N)
      for (let n = 0; n < N; n++) for (let i = 0; i < d; i++) states.set(i, n, x_Nd[n * d + i]!)
      const solved = solver.solve(states) // column n: (F^T F + penalty)^-1 x_n
      let right = 0
      const z_C = new Float64Array(C)
      for (let n = 0; n < N; n++) {
        let own = 0
        z_C.fill(0)
        for (let i = 0; i < d; i++) {
          const x = x_Nd[n * d + i]!
          own += x * solved.get(i, n)
          for (let c = 0; c < C; c++) z_C[c]! += x * weights.get(i, c)
        }
        let best = -Infinity
        for (let c = 0; c < C; c++) {
          const y = (c === class_N[n] ? 1 : 0) - 1 / C
          z_C[c] = (z_C[c]! - own * y) / (1 - own)
          best = Math.max(best, z_C[c]!)
        }
        if (z_C[class_N[n]!]! < best - tie) continue
        right += 1 / z_C.reduce((count, z) => count + (z >= best - tie ? 1 : 0), 0)
      }
      return right / N
    },
})
