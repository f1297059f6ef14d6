/**
 * The evidence of a Bayesian linear regression y = F w + noise, with w of precision a and noise of precision b.
 *
 * Letters: N states, k directions of F with a positive eigenvalue sigma of F^T F.
 */

/** Added to the squared lengths, so that a perfect fit has a finite precision; the released figure. */
const guard = 1e-5

/** Rounds at the most, and the relative change of a / b at which they end; the released figures. */
const [rounds, settled] = [11, 1e-3]

/**
 * The largest log evidence over a and b, over N, nats: a fixed point from a = b = 1.
 *
 * log p(y) = 1/2 sum_k log(a / (a + b sigma_k)) + N/2 log(b / 2 pi) - b/2 |y - F m|^2 - a/2 |m|^2, where m is the mean of w.
 *
 * @param squares_k the squared length of y along each direction
 * @param total the squared length of y
 */
export const evidence = (sigma_k: Float64Array, squares_k: Float64Array, total: number, N: number): number => {
  const outside = Math.max(0, total - squares_k.reduce((sum, x) => sum + x, 0))
  let [a, b, m2, residual] = [1, 1, 0, total]
  for (let round = 0; round < rounds; round++) {
    const t = a / b
    let gamma = 0
    m2 = 0
    residual = outside
    for (const [k, sigma] of sigma_k.entries()) {
      gamma += sigma / (sigma + t)
      m2 += (sigma * squares_k[k]!) / (t + sigma) ** 2
      residual += squares_k[k]! / (1 + sigma / t) ** 2
    }
    a = gamma / (m2 + guard)
    b = (N - gamma) / (residual + guard)
    // Without a direction, or with y across all of them, there is nothing to learn of a.
    if (a === 0) break
    if (Math.abs(a / b - t) / t <= settled) break
  }
  const fit = sigma_k.reduce((sum, sigma) => sum - Math.log1p((b * sigma) / a), 0) / 2
  return (fit + (N / 2) * Math.log(b / (2 * Math.PI)) - (b / 2) * residual - (a / 2) * m2) / N
}
