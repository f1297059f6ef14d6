/**
 * Student's t, and the sum of two of them: how far a figure may lie from the truth when its standard error itself is known
 * from few values.
 *
 * Letters: nu degrees of freedom, a natural number; u a probability, 0 to 1.
 */

/**
 * P(T <= t) for Student's t with nu degrees of freedom.
 *
 * @source Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 (odd nu) and 26.7.4 (even nu): finite sums
 */
export const studentCdf = (t: number, nu: number): number => {
  const angle = Math.atan2(t, Math.sqrt(nu))
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  const odd = nu % 2 === 1
  let term = odd ? cos : 1
  let sum = nu === 1 ? 0 : term
  for (let k = odd ? 3 : 2; k <= nu - 2; k += 2) {
    term *= (cos * cos * (k - 1)) / k
    sum += term
  }
  return odd ? 0.5 + (angle + sin * sum) / Math.PI : 0.5 + (sin * sum) / 2
}

/** The x > 0 where a rising function reaches u, to 1e-9 of x. */
const reaches = (rising: (x: number) => number, u: number): number => {
  let [low, high] = [0, 1]
  while (rising(high) < u) [low, high] = [high, 2 * high]
  while (high - low > 1e-9 * high) {
    const middle = (low + high) / 2
    if (rising(middle) < u) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** The t that T is below with probability u; u at least one half. */
export const studentQuantile = (u: number, nu: number): number => (u === 0.5 ? 0 : reaches((t) => studentCdf(t, nu), u))

/** Values of a t of nu degrees with their weights: trapezia over sinh(z), whose steps grow with the tails. */
const nodesOf = (nu: number) => {
  const step = 0.03
  const values = Float64Array.from({ length: 601 }, (_, i) => Math.sinh((i - 300) * step))
  const density = values.map((y) => Math.sqrt(1 + y * y) * (1 + (y * y) / nu) ** (-(nu + 1) / 2))
  const total = density.reduce((a, b) => a + b, 0)
  return { values, weights: density.map((d) => d / total) }
}
const known = new Map<number, ReturnType<typeof nodesOf>>()

/** A standard error, and how many values less one it is known from. */
export interface Part {
  readonly error: number
  readonly nu: number
}

/**
 * The x that error_a T_a + error_b T_b, two independent t's, is below with probability u: the half-width of a
 * Behrens-Fisher interval of level 2 u - 1. Within 0.5 % of x.
 *
 * @param u above one half
 */
export const sumQuantile = (u: number, a: Part, b: Part): number => {
  if (a.error === 0) return b.error === 0 ? 0 : b.error * studentQuantile(u, b.nu)
  if (b.error === 0) return a.error * studentQuantile(u, a.nu)
  // The heavier tail goes through the exact distribution function, the other through its nodes.
  const [heavy, light] = a.nu <= b.nu ? [a, b] : [b, a]
  const nodes = known.get(light.nu) ?? nodesOf(light.nu)
  known.set(light.nu, nodes)
  const below = (x: number): number => {
    let sum = 0
    for (let i = 0; i < nodes.values.length; i++)
      sum += nodes.weights[i]! * studentCdf((x - light.error * nodes.values[i]!) / heavy.error, heavy.nu)
    return sum
  }
  const unit = Math.hypot(a.error, b.error)
  return unit * reaches((x) => below(x * unit), u)
}
