/**
 * Intervals over seeds and prompts: standard errors by paired resampling, ends by Student's t.
 *
 * A percentile interval of resampled seeds will not do: five seeds are never further out than the furthest of them, so it is
 * too narrow however many resamples are drawn (docs/reports.md has the coverage of each kind). The resamples give what they
 * give well, standard errors of any figure: of seeds, of prompts, and of what the two do together. The end then is that of
 * error_seeds t(S - 1) + error_prompts t(P - 1), a Behrens-Fisher interval.
 */
import { type Interval, variance } from "@winnow/numerics"
import { minus, type Resampled, resample } from "./resample.ts"
import { ofSeeds, type Sample } from "./sample.ts"
import { sumQuantile } from "./student-t.ts"

/** Standard errors of a figure. With one seed nothing is known of others, and that of seeds is 0. */
export interface Errors {
  readonly seeds: number
  readonly prompts: number
}

/** A figure with its 95 % interval, over how many seeds, and what the interval is made of. */
export interface Estimate extends Interval {
  readonly seeds: number
  readonly errors: Errors
}

/** Variance over resamples, those without a denominator left out. */
const spread = (draws_B: Float64Array): number => variance(draws_B.filter(Number.isFinite))

/**
 * Standard errors of a resampled figure.
 *
 * A resample of n varies by (n - 1) / n of what n new ones would. The spread of the seeds' own means holds one share of
 * what a prompt does under this seed and under no other, the spread of the prompts' means another: it is counted once, with
 * the seeds.
 */
const errorsOf = ({ S, P, value, seeds_B, prompts_B, both_B }: Resampled): Errors => {
  const prompts = (spread(prompts_B) * P) / (P - 1)
  if (S === 1) return { seeds: 0, prompts: Math.sqrt(prompts) }
  const seeds = (spread(seeds_B) * S) / (S - 1)
  const together_B = both_B.map((both, b) => both - seeds_B[b]! - prompts_B[b]! + value)
  const together = (spread(together_B) * S * P) / ((S - 1) * (P - 1))
  return { seeds: Math.sqrt(seeds), prompts: Math.sqrt(Math.max(0, prompts - together)) }
}

/**
 * Half of an interval's width.
 *
 * @param level of coverage, 0.95 by default
 */
export const halfWidth = ({ seeds, prompts }: Errors, S: number, P: number, level = 0.95): number =>
  sumQuantile((1 + level) / 2, { error: seeds, nu: S - 1 }, { error: prompts, nu: P - 1 })

const estimateOf = (drawn: Resampled): Estimate => {
  const { S, P, value } = drawn
  const nothing = {
    value,
    low: Number.NaN,
    high: Number.NaN,
    seeds: S,
    errors: { seeds: Number.NaN, prompts: Number.NaN },
  }
  // One prompt says nothing of others, and a figure of no tested token is none.
  if (P < 2 || !Number.isFinite(value)) return nothing
  const errors = errorsOf(drawn)
  if (!Number.isFinite(errors.seeds + errors.prompts)) return nothing
  const half = halfWidth(errors, S, P)
  return { value, low: value - half, high: value + half, seeds: S, errors }
}

/**
 * A figure with its interval. NaN at both ends where no interval can be made: one prompt, or nothing tested.
 *
 * With one seed the interval is of prompts alone.
 */
export const estimate = (sample: Sample): Estimate => estimateOf(resample(sample))

/** a - b with its interval, paired: on the seeds that both have, with the same prompts. Undefined where they share no seed. */
export const difference = (
  a: Sample,
  b: Sample,
): (Estimate & { readonly pairedSeeds: ReadonlyArray<number> }) | undefined => {
  const pairedSeeds = [...a.seeds.keys()].filter((seed) => b.seeds.has(seed))
  if (pairedSeeds.length === 0) return undefined
  return { ...estimateOf(minus(resample(ofSeeds(a, pairedSeeds)), resample(ofSeeds(b, pairedSeeds)))), pairedSeeds }
}

/** From this number of seeds on, an interval is not mostly about how few they are. */
const enoughSeeds = 5

/** What the intervals are, for that many seeds, in the words of the table and the report. */
export const intervalText = (seeds: number): string => {
  if (seeds === 1) return "95 %, bootstrap over prompts; one seed, so nothing is said of other seeds"
  const what = `95 % for new seeds and prompts, paired bootstrap over ${seeds} seeds and prompts with Student's t`
  if (seeds >= enoughSeeds) return what
  const factor = sumQuantile(0.975, { error: 1, nu: seeds - 1 }, { error: 0, nu: 1 })
  return (
    `${what}. ${seeds} seeds hardly show how far seeds differ: the ends are ${factor.toFixed(1)} standard errors of seeds ` +
    "away (2.8 with five) and rest on seeds being normally distributed, which so few cannot show"
  )
}
