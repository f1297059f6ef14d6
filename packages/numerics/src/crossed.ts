/**
 * Intervals of figures that vary with seeds and with prompts, every prompt under every seed.
 *
 * Letters: S seeds, P prompts. z_sp is the contribution of the cell of seed s and prompt p to a figure, so that the
 * figure's error is near the mean of z. Its two-way analysis of variance gives three variances of that mean, all in
 * closed form:
 *
 *   A = sum_s (z_s. - z..)^2 / (S (S - 1))                                  spread of the seeds' means
 *   B = sum_p (z_.p - z..)^2 / (P (P - 1))                                  spread of the prompts' means
 *   C = sum_sp (z_sp - z_s. - z_.p + z..)^2 / (S P (S - 1) (P - 1))         interaction of seeds and prompts
 *
 * A and B each contain C. C is counted with the seeds, so the prompts' own part is B - C, or 0 if chance makes that
 * negative. Half of the interval is the root of (t_S A^1/2)^2 + (t_P own^1/2)^2, with Student's t of S - 1 and P - 1
 * degrees as t_S and t_P. It is never less than t_P (own + C)^1/2, the half for prompts alone. docs/reports.md has the
 * simulated coverage, docs/decisions/008 the reasons.
 */
import { studentQuantile } from "./student-t.ts"

/** A figure with the ends of its interval; NaN ends: there is no interval. */
export interface Interval {
  readonly value: number
  readonly low: number
  readonly high: number
}

/** Standard errors of a figure: the roots of A, of the prompts' own part and of C. One seed gives only the second. */
export interface Errors {
  readonly seeds: number
  readonly prompts: number
  readonly noise: number
}

/** Errors, and a flag if the prompts' own part was below 0 and was set to 0. */
export interface Crossed {
  readonly errors: Errors
  readonly cut: boolean
}

const meanOf = (x: ArrayLike<number>): number => {
  let sum = 0
  for (let i = 0; i < x.length; i++) sum += x[i]!
  return sum / x.length
}

/** Sum of squares around the mean. */
const squares = (x: ArrayLike<number>, centre: number): number => {
  let sum = 0
  for (let i = 0; i < x.length; i++) sum += (x[i]! - centre) ** 2
  return sum
}

/** Relative difference of two equal variances whose terms were added in different orders. */
const rounding = 1e-12

/**
 * Standard errors of the mean of z over seeds and prompts.
 *
 * @param z_SP one row a seed, all of P >= 2 values
 * @returns with one seed, errors of prompts alone
 */
export const crossedErrors = (z_SP: ReadonlyArray<ArrayLike<number>>): Crossed => {
  const S = z_SP.length
  const P = z_SP[0]!.length
  const ofSeeds = z_SP.map(meanOf)
  const whole = meanOf(ofSeeds)
  const ofPrompts = Float64Array.from({ length: P }, (_, p) => meanOf(z_SP.map((z_P) => z_P[p]!)))
  const B = squares(ofPrompts, whole) / (P * (P - 1))
  if (S === 1) return { errors: { seeds: 0, prompts: Math.sqrt(B), noise: 0 }, cut: false }
  const A = squares(ofSeeds, whole) / (S * (S - 1))
  let rest = 0
  for (let s = 0; s < S; s++)
    for (let p = 0; p < P; p++) rest += (z_SP[s]![p]! - ofSeeds[s]! - ofPrompts[p]! + whole) ** 2
  const C = rest / (S * P * (S - 1) * (P - 1))
  const own = Math.abs(B - C) <= rounding * C ? 0 : B - C
  return { errors: { seeds: Math.sqrt(A), prompts: Math.sqrt(Math.max(0, own)), noise: Math.sqrt(C) }, cut: own < 0 }
}

/** Half of an interval for seeds and prompts together, and for prompts alone, which is its lower bound. */
const halves = ({ seeds, prompts, noise }: Errors, S: number, P: number, level: number) => {
  const ofPrompts = studentQuantile((1 + level) / 2, P - 1)
  const ofSeeds = S === 1 ? 0 : studentQuantile((1 + level) / 2, S - 1)
  return { both: Math.hypot(ofSeeds * seeds, ofPrompts * prompts), prompts: ofPrompts * Math.hypot(prompts, noise) }
}

/**
 * Half of an interval's width.
 *
 * @param level of coverage, 0.95 by default
 */
export const halfWidth = (errors: Errors, S: number, P: number, level = 0.95): number => {
  const { both, prompts } = halves(errors, S, P, level)
  return Math.max(both, prompts)
}

/** True if prompts alone give the wider interval, beyond rounding. */
export const isFloored = (errors: Errors, S: number, P: number, level = 0.95): boolean => {
  const { both, prompts } = halves(errors, S, P, level)
  return prompts > both * (1 + rounding)
}
