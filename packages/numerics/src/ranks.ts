/** Correlation of ranks, alone and beside a second variable. n items. */

/** The rank of each item from 1 for the smallest; equal items share the mean of their ranks. */
export const midRanks = (x_n: ArrayLike<number>): Float64Array => {
  const order = Array.from(x_n, (_, i) => i).toSorted((i, j) => x_n[i]! - x_n[j]!)
  const ranks = new Float64Array(x_n.length)
  for (let from = 0; from < order.length; ) {
    let to = from
    while (to < order.length && x_n[order[to]!] === x_n[order[from]!]) to++
    for (let r = from; r < to; r++) ranks[order[r]!] = (from + 1 + to) / 2
    from = to
  }
  return ranks
}

/** Pearson's correlation, -1 to 1; NaN for a list without two different values. */
export const correlation = (a_n: ArrayLike<number>, b_n: ArrayLike<number>): number => {
  const mean = (x: ArrayLike<number>) => Array.from(x).reduce((sum, v) => sum + v, 0) / x.length
  const [meanA, meanB] = [mean(a_n), mean(b_n)]
  let [ab, aa, bb] = [0, 0, 0]
  for (let i = 0; i < a_n.length; i++) {
    const [a, b] = [a_n[i]! - meanA, b_n[i]! - meanB]
    ab += a * b
    aa += a * a
    bb += b * b
  }
  return ab / Math.sqrt(aa * bb)
}

/**
 * The partial rank correlation of a and b beside c, -1 to 1: Pearson's correlation of what a linear regression on the ranks
 * of c leaves of the ranks of a and of the ranks of b.
 *
 * Above 0: among items alike in c, more of a goes with more of b. NaN where c leaves nothing of a or of b.
 *
 * @source Kendall and Stuart, The Advanced Theory of Statistics, vol. 2, chapter 27, with Spearman's coefficients
 */
export const partialRankCorrelation = (
  a_n: ArrayLike<number>,
  b_n: ArrayLike<number>,
  c_n: ArrayLike<number>,
): number => {
  const [a, b, c] = [midRanks(a_n), midRanks(b_n), midRanks(c_n)]
  const [ab, ac, bc] = [correlation(a, b), correlation(a, c), correlation(b, c)]
  const left = (1 - ac * ac) * (1 - bc * bc)
  // Rounding leaves a remainder of ranks that c determines.
  return left < 1e-12 ? Number.NaN : Math.max(-1, Math.min(1, (ab - ac * bc) / Math.sqrt(left)))
}
