/**
 * The differential entropy of states within a class by distances to the k-th neighbour, with the maximum norm.
 *
 * Letters: n states of a class, d hidden size.
 */
import { quantile } from "@winnow/numerics"

/** The largest difference of two states in a dimension; a distance from `enough` on may be too small. */
const distance = (x_Nd: Float64Array, a: number, b: number, d: number, enough: number): number => {
  let largest = 0
  for (let i = 0; i < d; i++) {
    const difference = Math.abs(x_Nd[a * d + i]! - x_Nd[b * d + i]!)
    if (difference > largest) largest = difference
    if (largest >= enough) return largest
  }
  return largest
}

/** The distance of each state of a class to its k-th nearest other one, [n]; more than k states. */
const radii = (x_Nd: Float64Array, d: number, states: Int32Array, k: number): Float64Array => {
  const near_k = new Float64Array(k)
  return Float64Array.from(states, (a) => {
    near_k.fill(Number.POSITIVE_INFINITY)
    for (const b of states) {
      if (b === a) continue
      const apart = distance(x_Nd, a, b, d, near_k[k - 1]!)
      let at = k - 1
      if (apart >= near_k[at]!) continue
      for (; at > 0 && near_k[at - 1]! > apart; at--) near_k[at] = near_k[at - 1]!
      near_k[at] = apart
    }
    return near_k[k - 1]!
  })
}

/** psi(n) of a whole number: the sum of 1 / i below n, less Euler's constant. */
export const digamma = (n: number): number => {
  let sum = -0.5772156649015329
  for (let i = 1; i < n; i++) sum += 1 / i
  return sum
}

/**
 * The entropy of each class, nats: psi(n) - psi(k) + d / n sum_i log(2 r_i), with r_i at least the floor. 0 for a class of
 * one state, null for one of 2 to k.
 *
 * A floor of 0 counts equal states as 1e-300 apart.
 *
 * @source Kozachenko and Leonenko 1987; Kraskov et al., Physical Review E 69, 2004, equation 20
 */
export const classEntropy = (
  x_Nd: Float64Array,
  d: number,
  classes: ReadonlyArray<Int32Array>,
  { k, floor, floorIn }: { readonly k: number; readonly floor: number; readonly floorIn: "units" | "medians" },
): ReadonlyArray<number | null> => {
  const measured = classes.map((states) => (states.length > k ? radii(x_Nd, d, states, k) : undefined))
  const all = measured.flatMap((r_n) => (r_n === undefined ? [] : Array.from(r_n)))
  // Where most states are equal, the median is no unit.
  const unit = floorIn === "units" || all.length === 0 ? 1 : quantile(all, 0.5) || 1
  const least = Math.max(floor * unit, 1e-300)
  return classes.map(({ length: n }, c) => {
    const r_n = measured[c]
    if (r_n === undefined) return n === 1 ? 0 : null
    const logs = r_n.reduce((sum, r) => sum + Math.log(2 * Math.max(r, least)), 0)
    return digamma(n) - digamma(k) + (d / n) * logs
  })
}
