/**
 * Intervals of figures that vary with seeds and with prompts, every prompt under every seed.
 *
 * Letters: S seeds, P prompts. z_sp is what the cell of seed s and prompt p adds to a figure, so that the figure's error is
 * near the mean of z. Its two-way analysis of variance gives three variances of that mean, all in closed form:
 *
 *   A = sum_s (z_s. - z..)^2 / (S (S - 1))                                  spread of the seeds' means
 *   B = sum_p (z_.p - z..)^2 / (P (P - 1))                                  spread of the prompts' means
 *   C = sum_sp (z_sp - z_s. - z_.p + z..)^2 / (S P (S - 1) (P - 1))         what a prompt does under one seed alone
 *
 * A and B each hold C once. It is counted with the seeds, so the prompts' own part is B - C, or 0 where luck makes that
 * negative. Half of the interval is the root of (t_S A^1/2)^2 + (t_P own^1/2)^2, t_S and t_P being Student's t of S - 1 and
 * P - 1 degrees, and never less than t_P (own + C)^1/2, which is the interval of the prompts alone. docs/reports.md has the
 * coverage that was simulated, docs/decisions/008 the reasons.
 */
import { studentQuantile } from "./student-t.ts"

/** A figure with the ends of its interval; NaN ends: none can be made. */
export interface Interval {
  readonly value: number
  readonly low: number
  readonly high: number
}

/** Standard errors of a figure, the roots of A, of the prompts' own part and of C. With one seed there is the second alone. */
export interface Errors {
  readonly seeds: number
  readonly prompts: number
  readonly noise: number
}

/** Errors, and whether the prompts' own part came out below 0 and stands at 0. */
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

/** Two variances that are nearer than this share of them are the same, in whatever order their terms were added. */
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

/** Half of an interval: of seeds and prompts together, and of prompts alone, which it is never less than. */
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

/** True if an interval of that level is as wide as prompts alone make it; both give a narrower one, beyond rounding. */
export const isFloored = (errors: Errors, S: number, P: number, level = 0.95): boolean => {
  const { both, prompts } = halves(errors, S, P, level)
  return prompts > both * (1 + rounding)
}
