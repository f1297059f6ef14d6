/** Inclusion probabilities in proportion to a score, and a draw that has them. N tokens. */

/**
 * Probabilities max(floor, c score) of at most 1 whose sum is a given one, c by bisection; all equal if no score is above 0.
 *
 * @param scores_N 0 or more, finite
 * @param sum above 0, at most N
 * @param floor the least probability before the sum is made right; lowered to sum / N where it is above that
 */
export const inclusion = (scores_N: Float32Array, sum: number, floor: number): Float64Array => {
  const N = scores_N.length
  const least = Math.min(floor, sum / N)
  const at = (c: number) => Float64Array.from(scores_N, (score) => Math.min(1, Math.max(least, c * score)))
  const total = (pi_N: Float64Array) => pi_N.reduce((a, b) => a + b, 0)
  const smallest = scores_N.reduce((a, b) => (b > 0 ? Math.min(a, b) : a), Number.POSITIVE_INFINITY)
  let [low, high] = [0, 1 / smallest]
  // Tokens without a score cannot take more than the floor: what the others leave is shared equally.
  if (!Number.isFinite(high) || total(at(high)) <= sum) {
    const pi_N = Number.isFinite(high) ? at(high) : new Float64Array(N).fill(least)
    const free = pi_N.map((pi) => 1 - pi)
    const [room, missing] = [total(free), sum - total(pi_N)]
    return room > 0 ? pi_N.map((pi, n) => Math.min(1, pi + (missing * free[n]!) / room)) : pi_N
  }
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (total(at(middle)) < sum) low = middle
    else high = middle
  }
  return at(high)
}

/**
 * Systematic sampling: token n is kept with chance pi_n, and about sum(pi) tokens are, never fewer than its whole part.
 *
 * @param u uniform in [0, 1), one for the whole draw
 * @returns 1 / pi_n where kept, else 0: the weighted sum over the kept has the sum over all as its mean
 */
export const systematic = (pi_N: Float64Array, u: number): Float32Array => {
  let before = u
  return Float32Array.from(pi_N, (pi) => {
    const after = before + pi
    const kept = Math.floor(after) > Math.floor(before)
    before = after
    return kept ? 1 / pi : 0
  })
}
