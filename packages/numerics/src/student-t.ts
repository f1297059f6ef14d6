/**
 * Student's t: the distance of a figure from the truth if few values give its standard error.
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

/** The x > 0 at which a rising function reaches u, to 1e-14 of x. */
const reaches = (rising: (x: number) => number, u: number): number => {
  let [low, high] = [0, 1]
  while (rising(high) < u) [low, high] = [high, 2 * high]
  while (high - low > 1e-14 * high) {
    const middle = (low + high) / 2
    if (rising(middle) < u) low = middle
    else high = middle
  }
  return (low + high) / 2
}

const quantiles = new Map<string, number>()

/** The t such that T < t with probability u; u at least one half. */
export const studentQuantile = (u: number, nu: number): number => {
  if (u === 0.5) return 0
  const name = `${u} ${nu}`
  const t = quantiles.get(name) ?? reaches((x) => studentCdf(x, nu), u)
  quantiles.set(name, t)
  return t
}
