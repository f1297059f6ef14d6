/** Spearman's rank correlation: the agreement of two lists of numbers, by their ranks. n items. */

/** The rank of each item, from 1; equal numbers share the mean of their ranks. */
const ranksOf = (values_n: ArrayLike<number>): Float64Array => {
  const n = values_n.length
  const order = Uint32Array.from({ length: n }, (_, i) => i).sort((i, j) => values_n[i]! - values_n[j]!)
  const rank_n = new Float64Array(n)
  for (let from = 0, to = 0; from < n; from = to) {
    while (to < n && values_n[order[to]!] === values_n[order[from]!]) to++
    for (let at = from; at < to; at++) rank_n[order[at]!] = (from + 1 + to) / 2
  }
  return rank_n
}

/**
 * Spearman's rho, -1 to 1: the correlation of the ranks, with the mean rank for equal numbers.
 *
 * 1: the same order. -1: the reverse. NaN for a list without two different values, and for fewer than two items.
 *
 * @error RangeError for lists of different lengths, and for NaN and infinities, which have no rank
 * @source Spearman, "The proof and measurement of association between two things", 1904
 */
export const spearman = (a_n: ArrayLike<number>, b_n: ArrayLike<number>): number => {
  const n = a_n.length
  if (b_n.length !== n)
    throw new RangeError(`lists of ${n} and ${b_n.length} numbers; expected one number an item in each`)
  for (const list of [a_n, b_n])
    for (let i = 0; i < n; i++)
      if (!Number.isFinite(list[i]!)) throw new RangeError(`item ${i} is ${list[i]}; expected a finite number`)
  const [x_n, y_n] = [ranksOf(a_n), ranksOf(b_n)]
  // Both lists of ranks have this mean, tied or not.
  const mean = (n + 1) / 2
  let [xy, xx, yy] = [0, 0, 0]
  for (let i = 0; i < n; i++) {
    const [x, y] = [x_n[i]! - mean, y_n[i]! - mean]
    xy += x * y
    xx += x * x
    yy += y * y
  }
  return xy / Math.sqrt(xx * yy)
}
