/**
 * Intervals over seeds and prompts, and of paired differences: the closed form of `crossed.ts` in numerics.
 */
import { type Crossed, crossedErrors, type Errors, halfWidth, type Influence, isFloored } from "@winnow/numerics"
import type { Sample } from "./sample.ts"

/** A figure with its 95 % interval, over how many seeds, and what the interval is made of. */
export interface Estimate {
  readonly value: number
  /** NaN at both ends where none can be made: one prompt, nothing tested, or no spread at all. */
  readonly low: number
  readonly high: number
  readonly seeds: number
  /** Undefined where there is nothing to tell them from: one prompt, or nothing tested. */
  readonly errors: Errors | undefined
  /** Whether the prompts' own part came out below 0 and stands at 0. */
  readonly cut: boolean
  /** Whether the interval is as wide as prompts alone make it, seeds and prompts together being narrower. */
  readonly floor: boolean
}

/** Errors that are this share of a figure are what rounding leaves of none. */
const rounding = 1e-12

const estimateOf = ({ value, z_SP }: Influence): Estimate => {
  const [S, P] = [z_SP.length, z_SP[0]!.length]
  const unknown = { value, low: Number.NaN, high: Number.NaN, seeds: S, cut: false, floor: false }
  // One prompt says nothing of others, and a figure of no tested token is none.
  if (P < 2 || !Number.isFinite(value)) return { ...unknown, errors: undefined }
  const { errors, cut }: Crossed = crossedErrors(z_SP)
  if (Math.hypot(errors.seeds, errors.prompts, errors.noise) <= rounding * Math.max(1, Math.abs(value)))
    return { ...unknown, errors: { seeds: 0, prompts: 0, noise: 0 } }
  const half = halfWidth(errors, S, P)
  return { value, low: value - half, high: value + half, seeds: S, errors, cut, floor: isFloored(errors, S, P) }
}

/**
 * A figure with its interval. NaN at both ends where no interval can be made: one prompt, nothing tested, or the same under
 * every seed and prompt, which shows no spread to make one of.
 *
 * With one seed the interval is of prompts alone, under that seed.
 */
export const estimate = (sample: Sample): Estimate => estimateOf(sample.of(sample.seeds))

/**
 * a - b with its interval, paired: on the seeds that both have, with the same prompts. Undefined where they share no seed.
 *
 * @error RangeError when they have different numbers of prompts
 */
export const difference = (
  a: Sample,
  b: Sample,
): (Estimate & { readonly pairedSeeds: ReadonlyArray<number> }) | undefined => {
  const pairedSeeds = a.seeds.filter((seed) => b.seeds.includes(seed))
  if (pairedSeeds.length === 0) return undefined
  if (a.prompts !== b.prompts)
    throw new RangeError(`paired difference of ${a.prompts} prompts and ${b.prompts}; expected the same prompts`)
  const [over, under] = [a.of(pairedSeeds), b.of(pairedSeeds)]
  const z_SP = over.z_SP.map((z_P, s) => z_P.map((z, p) => z - under.z_SP[s]![p]!))
  return { ...estimateOf({ value: over.value - under.value, z_SP }), pairedSeeds }
}
