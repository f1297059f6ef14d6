/** Kendall's rank correlation with weights that are large at the top of the order. n items. */

/** Indices from the largest value down; of equal ones by the second list, then by index. */
const order = (first_n: ArrayLike<number>, second_n: ArrayLike<number>): ReadonlyArray<number> =>
  Array.from(first_n, (_, i) => i).toSorted((i, j) => first_n[j]! - first_n[i]! || second_n[j]! - second_n[i]! || j - i)

/** tau of pairs, each with the weight 1 / (rank + 1) of both its items, by one ranking. */
const tauBy = (a_n: ArrayLike<number>, b_n: ArrayLike<number>, ranking: ReadonlyArray<number>): number => {
  const weight_n = new Float64Array(a_n.length)
  for (const [rank, i] of ranking.entries()) weight_n[i] = 1 / (rank + 1)
  let [sum, ofA, ofB] = [0, 0, 0]
  for (let i = 0; i < a_n.length; i++)
    for (let j = i + 1; j < a_n.length; j++) {
      const weight = weight_n[i]! + weight_n[j]!
      const [a, b] = [Math.sign(a_n[i]! - a_n[j]!), Math.sign(b_n[i]! - b_n[j]!)]
      sum += weight * a * b
      ofA += weight * Math.abs(a)
      ofB += weight * Math.abs(b)
    }
  return sum / Math.sqrt(ofA * ofB)
}

/**
 * Weighted Kendall's tau, -1 to 1: a pair counts as much as 1 / rank of both its items together, rank 1 the largest value.
 *
 * The ranks are those of either list, and the two results are averaged. Pairs that are tied in a list count in neither sum.
 * NaN for a list without two different values, and for fewer than two items.
 *
 * @error RangeError for lists of different lengths, and for NaN and infinities, which have no rank
 * @source Vigna, "A weighted correlation index for rankings with ties", WWW 2015: additive hyperbolic weights
 */
export const weightedTau = (a_n: ArrayLike<number>, b_n: ArrayLike<number>): number => {
  if (a_n.length !== b_n.length)
    throw new RangeError(`lists of ${a_n.length} and ${b_n.length} numbers; expected one number an item in each`)
  for (const list of [a_n, b_n])
    for (let i = 0; i < list.length; i++)
      if (!Number.isFinite(list[i]!)) throw new RangeError(`item ${i} is ${list[i]}; expected a finite number`)
  return (tauBy(a_n, b_n, order(a_n, b_n)) + tauBy(a_n, b_n, order(b_n, a_n))) / 2
}
