/** Positions of tokens, counted from the first real token of their sequence. */

/**
 * The position of each of B times T new tokens, row-major; 0 for padding.
 *
 * @param P number of positions cached before them
 * @param pad_B left padding of each sequence
 * @param start_N for packed sequences, with P = 0: the first position of each token's own part
 */
export const positionsOf = (
  B: number,
  T: number,
  P: number,
  pad_B: Int32Array | undefined,
  start_N: Int32Array | undefined,
): Int32Array => {
  const position_N = new Int32Array(B * T)
  for (let b = 0, n = 0; b < B; b++)
    for (let t = 0; t < T; t++, n++) {
      const before = start_N?.[n] ?? pad_B?.[b] ?? 0
      position_N[n] = Math.max(0, P + t - before)
    }
  return position_N
}

/**
 * The start of each token's sequence for rows that are padded on the right, in the form of `Encoder.hidden`:
 * bidirectional attention must not read padding.
 *
 * @param length_B number of tokens in each row without padding, 0 to T
 */
export const paddedStarts = (length_B: ArrayLike<number>, T: number): Int32Array =>
  Int32Array.from({ length: length_B.length * T }, (_, n) => {
    const t = n % T
    return t < length_B[Math.floor(n / T)]! ? 0 : t + 1
  })
