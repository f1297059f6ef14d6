/** Positions of tokens, counted from the first real token of their sequence. */

/**
 * The position of each of B times T new tokens, row-major; 0 for padding.
 *
 * @param P positions cached before them
 * @param pad_B left padding of each sequence
 * @param start_N of packed sequences, with P = 0: the first position of each token's own part
 */
export const positionsOf = (
  B: number,
  T: number,
  P: number,
  pad_B: Int32Array | undefined,
  start_N: Int32Array | undefined,
): Int32Array =>
  Int32Array.from({ length: B * T }, (_, n) => {
    const before = start_N?.[n] ?? pad_B?.[Math.floor(n / T)] ?? 0
    return Math.max(0, P + (n % T) - before)
  })
