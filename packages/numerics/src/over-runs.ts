/**
 * The mean of a figure over several runs, as over several targets: each run counts the same.
 *
 *   m = mean of y_r                                            y_r the figure of run r, R runs
 *   half^2 = (t_R s / R^1/2)^2 + (t_P p)^2                     s the standard deviation of y_r, t_R of R - 1 degrees
 *
 * s holds all that differs from run to run: target, seeds, order of the data. Runs that share their prompts share the
 * prompts' error, which s does not hold; p is the root mean square of it then, and 0 for runs with prompts of their own.
 * That is a bound: it counts the prompts' error as wholly common.
 *
 * Few runs may lie close together by luck, so the interval is never narrower than that for these very runs, in which
 * t_R s / R^1/2 is replaced by t e / R^1/2: e the root mean square of the errors of their seeds, t of the sum of S_r - 1
 * degrees, S_r the seeds of run r.
 *
 * `between` is an estimate of the standard deviation of the true figures: what is left of s after the runs' own errors,
 * 0 if nothing is left.
 */
import type { Errors, Interval } from "./crossed.ts"
import { studentQuantile } from "./student-t.ts"

/** A run's figure. */
export interface OneRun {
  readonly value: number
  /** Number of its seeds; with one its `errors.seeds` is 0. */
  readonly seeds: number
  readonly errors: Errors
}

export interface OverRuns extends Interval {
  readonly runs: number
  /** Standard deviation of the runs' figures. */
  readonly spread: number
  /** The same without the runs' own errors; at least 0. */
  readonly between: number
  /** True if the interval has the width of these very runs: they lie closer together than their own errors allow. */
  readonly floor: boolean
}

/**
 * @param prompts number of prompts that all runs share; undefined for prompts of their own
 * @returns ends of NaN for a single run
 * @error RangeError without a run
 */
export const overRuns = (of: ReadonlyArray<OneRun>, prompts: number | undefined, level = 0.95): OverRuns => {
  const R = of.length
  if (R === 0) throw new RangeError("found no run; expected one or more")
  const mean = (x: ReadonlyArray<number>) => x.reduce((sum, one) => sum + one, 0) / x.length
  const value = mean(of.map((run) => run.value))
  if (R === 1)
    return { value, low: Number.NaN, high: Number.NaN, runs: 1, spread: Number.NaN, between: Number.NaN, floor: false }
  const variance = of.reduce((sum, run) => sum + (run.value - value) ** 2, 0) / (R - 1)
  const own = mean(of.map(({ errors }) => errors.seeds ** 2))
  const common = mean(of.map(({ errors }) => errors.prompts ** 2))
  const t = (1 + level) / 2
  const ofRuns = studentQuantile(t, R - 1) * Math.sqrt(variance / R)
  const ofPrompts = prompts === undefined ? 0 : studentQuantile(t, prompts - 1) * Math.sqrt(common)
  const degrees = of.reduce((sum, { seeds }) => sum + seeds - 1, 0)
  const ofSeeds = degrees === 0 ? 0 : studentQuantile(t, degrees) * Math.sqrt(own / R)
  const half = Math.hypot(Math.max(ofRuns, ofSeeds), ofPrompts)
  const left = variance - own - (prompts === undefined ? common : 0)
  return {
    ...{ value, low: value - half, high: value + half, runs: R },
    ...{ spread: Math.sqrt(variance), between: Math.sqrt(Math.max(0, left)), floor: ofSeeds > ofRuns },
  }
}
