/** Intervals by resampling, seeded: the same data and seed give the same interval. */
import { quantile } from "./quantile.ts"
import type { Rng } from "./rng.ts"
import { mean } from "./summary.ts"

/** A figure with its percentile interval. */
export interface Interval {
  readonly value: number
  readonly low: number
  readonly high: number
}

export interface BootstrapOptions {
  readonly rng: Rng
  /** 2000 by default: the ends of a 95 % interval then move by about 1 % of its width from seed to seed. */
  readonly resamples?: number
  /** Coverage, 0.95 by default. */
  readonly level?: number
}

/**
 * Percentile interval of any statistic of n units.
 *
 * The statistic is given the units' indices, so a ratio of sums (accepted over tested) is resampled by prompt, not by
 * token. One unit has no interval: low and high are NaN.
 *
 * @error RangeError for n < 1
 * @error NotFinite when the statistic of a resample is not a finite number
 */
export const bootstrap = (
  n: number,
  statistic: (indices: Int32Array) => number,
  { rng, resamples = 2000, level = 0.95 }: BootstrapOptions,
): Interval => {
  if (!(n >= 1)) throw new RangeError(`bootstrap of ${n} units; expected at least 1`)
  const indices = Int32Array.from({ length: n }, (_, i) => i)
  const value = statistic(indices)
  if (n === 1) return { value, low: Number.NaN, high: Number.NaN }
  const draws = Float64Array.from({ length: resamples }, () => {
    for (let i = 0; i < n; i++) indices[i] = rng.below(n)
    return statistic(indices)
  })
  return { value, low: quantile(draws, (1 - level) / 2), high: quantile(draws, (1 + level) / 2) }
}

/**
 * Interval of mean(a - b) over pairs: the same seed, or the same prompt, measured under two arms.
 *
 * Pairs are resampled together, so what the arms share cancels.
 * @error RangeError when the lengths differ
 */
export const pairedBootstrap = (a: ArrayLike<number>, b: ArrayLike<number>, options: BootstrapOptions): Interval => {
  if (a.length !== b.length) {
    throw new RangeError(
      `paired bootstrap of ${a.length} and ${b.length} values; expected as many of each, in one order`,
    )
  }
  const difference = Float64Array.from(a, (x, i) => x - b[i]!)
  return bootstrap(difference.length, (indices) => mean(Float64Array.from(indices, (i) => difference[i]!)), options)
}
