/** Mean and spread of a few numbers, in double precision. */

/** Arithmetic mean; NaN for no values. */
export const mean = (values: ArrayLike<number>): number => {
  let total = 0
  for (let i = 0; i < values.length; i++) total += values[i]!
  return total / values.length
}

/** Unbiased variance, divided by n - 1 (two passes); NaN for fewer than 2 values, which show no spread. */
export const variance = (values: ArrayLike<number>): number => {
  if (values.length < 2) return Number.NaN
  const centre = mean(values)
  let total = 0
  for (let i = 0; i < values.length; i++) total += (values[i]! - centre) ** 2
  return total / (values.length - 1)
}

/** The middle value, or the mean of the middle two; NaN for no values. */
export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}
