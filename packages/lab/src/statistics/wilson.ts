/** An interval for a share of yes-or-no answers. */
import type { Interval } from "@winnow/numerics"

/** The normal distribution's 97.5 % point, squared. */
const z2 = 1.959963984540054 ** 2

/**
 * The share of n that are right, with its 95 % score interval: within 0 and 1, and not empty even if all or none are
 * right.
 *
 * @source Wilson 1927
 */
export const wilson = (right: number, n: number): Interval => {
  const share = right / n
  const centre = (share + z2 / (2 * n)) / (1 + z2 / n)
  const half = (Math.sqrt(z2) / (1 + z2 / n)) * Math.sqrt((share * (1 - share)) / n + z2 / (4 * n * n))
  return { value: share, low: Math.max(0, centre - half), high: Math.min(1, centre + half) }
}
