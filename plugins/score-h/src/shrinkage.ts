/** The share by which a covariance is shrunk. N states, d hidden size. */

/**
 * The share a, 0 to 1, for which (1 - a) S + a mean(diag S) I is nearest to the true covariance on average. 0 where S is such
 * a multiple of I, or all states are equal.
 *
 * @param x_Nd centred states
 * @param s_dd their covariance, 1 / N
 * @source Ledoit and Wolf, "A well-conditioned estimator for large-dimensional covariance matrices", 2004
 */
export const ledoitWolf = (x_Nd: Float64Array, s_dd: Float64Array, N: number, d: number): number => {
  let [trace, squares] = [0, 0]
  for (let i = 0; i < d; i++) trace += s_dd[i * d + i]!
  for (const s of s_dd) squares += s * s
  // The distance of S from mean(diag S) I, and the mean distance of a single state's x x^T from S, over N.
  const apart = squares - (trace * trace) / d
  let noise = 0
  for (let n = 0; n < N; n++) {
    let length = 0
    for (let i = 0; i < d; i++) length += x_Nd[n * d + i]! ** 2
    noise += length * length
  }
  noise = (noise / N - squares) / N
  return noise <= 0 || apart <= 0 ? 0 : Math.min(1, noise / apart)
}
