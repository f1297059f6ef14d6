/** Scores a start by its hidden states: the share of states whose nearest neighbours are of the same class. */
import { defineScore } from "@winnow/core"
import { type } from "arktype"

/** Similarities within this of each other are equal. */
const tie = 1e-12

/** Rows of length 1, N x d; a row of zeros stays unchanged. */
const normalised = (h_Nd: Float32Array, N: number, d: number): Float64Array => {
  const out = Float64Array.from(h_Nd)
  for (let n = 0; n < N; n++) {
    const row = out.subarray(n * d, (n + 1) * d)
    const length = Math.sqrt(row.reduce((sum, x) => sum + x * x, 0))
    if (length > 0) for (let i = 0; i < d; i++) row[i]! /= length
  }
  return out
}

/** The k-th largest of all values but that at `without`; the least where there are fewer. */
const kthLargest = (values_N: Float64Array, k: number, without: number): number => {
  const best: Array<number> = []
  for (const [n, value] of values_N.entries()) {
    if (n === without || (best.length === k && value <= best[k - 1]!)) continue
    let at = best.length
    while (at > 0 && best[at - 1]! < value) at--
    best.splice(at, 0, value)
    if (best.length > k) best.pop()
  }
  return best.at(-1)!
}

/**
 * The score `knn`: the share of states whose k nearest other states (cosine) are mostly of the state's own class; 0 to 1,
 * higher is better.
 *
 * States as near as the k-th nearest vote too, and classes with equally many votes share the state: the order of the states
 * has no effect. It measures how well the states tell the class, independent of the head. It costs N^2 d multiplications.
 *
 * @source as a score of models: "How stable are transferability metrics evaluations?" and arXiv 2503.18528
 */
export const knn = defineScore({
  name: "knn",
  needs: ["h_Nd"],
  better: "higher",
  unit: "%",
  options: type({
    "+": "reject",
    // Number of neighbours that vote; 5 is a usual number, and odd.
    k: "1 <= number.integer <= 1000 = 5",
  }),
  make:
    ({ k }) =>
    ({ N, d, C, h_Nd, class_N }) => {
      const unit_Nd = normalised(h_Nd, N, d)
      const likeness_N = new Float64Array(N)
      const votes_C = new Int32Array(C)
      let right = 0
      for (let n = 0; n < N; n++) {
        for (let m = 0; m < N; m++) {
          let sum = 0
          for (let i = 0; i < d; i++) sum += unit_Nd[n * d + i]! * unit_Nd[m * d + i]!
          likeness_N[m] = sum
        }
        const least = kthLargest(likeness_N, k, n) - tie
        votes_C.fill(0)
        for (let m = 0; m < N; m++) if (m !== n && likeness_N[m]! >= least) votes_C[class_N[m]!]!++
        const most = Math.max(...votes_C)
        if (votes_C[class_N[n]!] === most) right += 1 / votes_C.reduce((count, v) => count + (v === most ? 1 : 0), 0)
      }
      return right / N
    },
})
