/** Kendall's rank correlation: the agreement of two orders of the same items. n items. */

/**
 * Kendall's tau-b, -1 to 1: concordant minus discordant pairs, over the root of the pairs that are not tied in each list.
 *
 * 1: the same order. -1: the reverse. Pairs that are tied in either list count in neither sum. NaN for a list without
 * two different values, and for fewer than two items.
 *
 * @error RangeError for lists of different lengths, and for NaN and infinities, which have no rank
 * @source Kendall, "The treatment of ties in ranking problems", Biometrika 1945
 */
export const kendallTau = (a_n: ArrayLike<number>, b_n: ArrayLike<number>): number => {
  const n = a_n.length
  if (b_n.length !== n)
    throw new RangeError(`lists of ${n} and ${b_n.length} numbers; expected one number an item in each`)
  for (const list of [a_n, b_n])
    for (let i = 0; i < n; i++)
      if (!Number.isFinite(list[i]!)) throw new RangeError(`item ${i} is ${list[i]}; expected a finite number`)
  let sum = 0
  let untiedA = 0
  let untiedB = 0
  for (let i = 0; i < n; i++)
    for (let j = i + 1; j < n; j++) {
      const [a, b] = [Math.sign(a_n[i]! - a_n[j]!), Math.sign(b_n[i]! - b_n[j]!)]
      sum += a * b
      untiedA += Math.abs(a)
      untiedB += Math.abs(b)
    }
  return sum / Math.sqrt(untiedA * untiedB)
}
