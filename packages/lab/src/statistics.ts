/**
 * Intervals of ratios over seeds and prompts: both are resampled, and what two arms share is resampled together.
 *
 * Letters: S seeds, P prompts. A cell is one prompt under one seed: the numerator and denominator that it adds to.
 */
import { type Interval, quantile, seeded } from "@winnow/numerics"

/** [S][P] pairs of numerator and denominator, such as accepted and tested tokens. */
export type Cells = ReadonlyArray<ReadonlyArray<readonly [numerator: number, denominator: number]>>

/** Enough that an end of a 95 % interval moves by a few per cent of its width from seed to seed. */
const resamples = 1000

const ratio = (cells: Cells, seeds: ArrayLike<number>, prompts: ArrayLike<number>): number => {
  let [numerator, denominator] = [0, 0]
  for (let s = 0; s < seeds.length; s++) {
    const row = cells[seeds[s]!]!
    for (let p = 0; p < prompts.length; p++) {
      const cell = row[prompts[p]!]!
      numerator += cell[0]
      denominator += cell[1]
    }
  }
  return denominator === 0 ? Number.NaN : numerator / denominator
}

const all = (n: number) => Int32Array.from({ length: n }, (_, i) => i)

/** Percentile interval, 95 %, of a statistic of resampled seeds and prompts. */
const resampled = (
  S: number,
  P: number,
  statistic: (seeds: ArrayLike<number>, prompts: ArrayLike<number>) => number,
): Interval => {
  const rng = seeded(0, "intervals")
  const [seeds, prompts] = [new Int32Array(S), new Int32Array(P)]
  const draws = Float64Array.from({ length: resamples }, () => {
    for (let i = 0; i < S; i++) seeds[i] = rng.below(S)
    for (let i = 0; i < P; i++) prompts[i] = rng.below(P)
    return statistic(seeds, prompts)
  }).filter(Number.isFinite)
  const value = statistic(all(S), all(P))
  if (draws.length === 0 || !Number.isFinite(value)) return { value, low: Number.NaN, high: Number.NaN }
  return { value, low: quantile(draws, 0.025), high: quantile(draws, 0.975) }
}

/** From this number of seeds on, resampling them says something of seeds that were not run. */
const enoughSeeds = 5

/** Whether an interval over that many seeds may be called a 95 % interval. */
export const is95 = (seeds: number): boolean => seeds >= enoughSeeds

/**
 * What the intervals are, for that many seeds. Two seeds drawn from two are both the same one half of the time: the
 * 2.5 % ends of such draws are about the range of what was seen, and of another seed they say nothing.
 */
export const intervalText = (seeds: number): string => {
  if (seeds === 1) return "95 %, percentile bootstrap over prompts; one seed, so nothing is said of other seeds"
  if (is95(seeds)) return "95 %, percentile bootstrap over seeds and prompts"
  return `percentile bootstrap over ${seeds} seeds and prompts: about the seeds' range, not a 95 % statement about new seeds`
}

/** The pooled ratio and its interval. With one seed the interval holds the spread of prompts alone. */
export const interval = (cells: Cells): Interval =>
  resampled(cells.length, cells[0]!.length, (seeds, prompts) => ratio(cells, seeds, prompts))

/**
 * Interval of ratio(a) - ratio(b), paired: the same seeds and prompts on both sides.
 *
 * @error RangeError when the shapes differ
 */
export const difference = (a: Cells, b: Cells): Interval => {
  if (a.length !== b.length || a[0]!.length !== b[0]!.length)
    throw new RangeError(
      `paired difference of ${a.length} x ${a[0]!.length} and ${b.length} x ${b[0]!.length} cells; expected the same seeds and prompts`,
    )
  return resampled(a.length, a[0]!.length, (seeds, prompts) => ratio(a, seeds, prompts) - ratio(b, seeds, prompts))
}
