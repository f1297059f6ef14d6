/**
 * Log-probabilities of one row of logits, in double precision: the plain reference that fast code is checked against.
 *
 * Letters: V vocabulary. A row is any array of numbers; results are Float64Array.
 */

/** One row of numbers. */
export type Row = ArrayLike<number>

/**
 * log sum_v exp(x_v), without overflow.
 *
 * Entries of -Infinity count as zero probability; a row of only such entries, or an empty row, gives -Infinity. NaN and
 * +Infinity pass through, so that a broken row stays visible.
 */
export const logSumExp = (x_V: Row): number => {
  let max = Number.NEGATIVE_INFINITY
  for (let v = 0; v < x_V.length; v++) {
    // Comparisons would lose a NaN.
    if (Number.isNaN(x_V[v]!)) return Number.NaN
    if (x_V[v]! > max) max = x_V[v]!
  }
  if (!Number.isFinite(max)) return max
  let sum = 0
  for (let v = 0; v < x_V.length; v++) sum += Math.exp(x_V[v]! - max)
  return max + Math.log(sum)
}

/** log softmax(logits / temperature), nats; finite wherever the logits are. */
export const logSoftmax = (logits_V: Row, temperature = 1): Float64Array => {
  const scaled_V = Float64Array.from(logits_V, (z) => z / temperature)
  const total = logSumExp(scaled_V)
  return scaled_V.map((z) => z - total)
}

/** softmax(logits / temperature): probabilities that sum to 1. */
export const softmax = (logits_V: Row, temperature = 1): Float64Array => logSoftmax(logits_V, temperature).map(Math.exp)
