/** How much the best of several points is ahead by chance alone. */

/** Density and distribution function of a standard normal, the latter by Simpson's rule beside it. */
const density = (x: number) => Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI)

/** Range and number of steps of the integral: errors are below 1e-9 for up to a thousand points. */
const [reach, parts] = [9, 4000]

/**
 * The expected largest of n independent standard normals: the integral of 1 - F^n - (1 - F)^n over x above 0, as for
 * each x above 0 the largest exceeds x with 1 - F(x)^n and falls below -x with F(-x)^n.
 *
 * @param n 1 or more
 */
export const expectedLargest = (n: number): number => {
  const h = reach / parts
  let [F, sum] = [0.5, 0]
  const at = (F: number) => 1 - F ** n - (1 - F) ** n
  let before = at(F)
  for (let i = 0; i < parts; i++) {
    const x = i * h
    F += (h / 6) * (density(x) + 4 * density(x + h / 2) + density(x + h))
    const after = at(Math.min(1, F))
    sum += (h / 2) * (before + after)
    before = after
  }
  return sum
}
