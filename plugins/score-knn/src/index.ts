/** Scores a start by its hidden states: the share of tokens whose nearest neighbours are followed by the same token. */
import { defineScore } from "@winnow/core"
import { type } from "arktype"

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

/**
 * The k rows that are most similar to row n by cosine, the nearest first, among equal ones the lower index. Never n
 * itself.
 */
const neighboursOf = (n: number, unit_Nd: Float64Array, N: number, d: number, k: number): ReadonlyArray<number> => {
  const near: Array<{ readonly m: number; readonly likeness: number }> = []
  for (let m = 0; m < N; m++) {
    if (m === n) continue
    let likeness = 0
    for (let i = 0; i < d; i++) likeness += unit_Nd[n * d + i]! * unit_Nd[m * d + i]!
    if (near.length === k && likeness <= near[k - 1]!.likeness) continue
    let at = near.length
    while (at > 0 && near[at - 1]!.likeness < likeness) at--
    near.splice(at, 0, { m, likeness })
    if (near.length > k) near.pop()
  }
  return near.map(({ m }) => m)
}

/** The label of most neighbours; among equally frequent ones the label that comes first. */
const vote = (labels: ReadonlyArray<number>): number => {
  const counts = new Map<number, number>()
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1)
  let best = labels[0]!
  for (const [label, count] of counts) if (count > counts.get(best)!) best = label
  return best
}

/**
 * The score `knn`: the share of scored tokens whose k nearest hidden states (cosine, itself left out) are mostly
 * followed by the token's own gold token; 0 to 1, higher is better.
 *
 * It measures how well the states determine the next token, independent of the head. It costs N^2 d multiplications.
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
    ({ N, d, h_Nd, gold_N }) => {
      const unit_Nd = normalised(h_Nd, N, d)
      let right = 0
      for (let n = 0; n < N; n++) {
        const labels = neighboursOf(n, unit_Nd, N, d, k).map((m) => gold_N[m]!)
        if (vote(labels) === gold_N[n]) right++
      }
      return right / N
    },
})
