/** A figure with its interval: the one way that the lab and `evaluate` make intervals. */
import { crossedErrors, type Errors, halfWidth, isFloored } from "./crossed.ts"
import type { Influence } from "./ratio.ts"

/** A figure with its 95 % interval, over how many seeds, and what the interval is made of. */
export interface Estimate {
  readonly value: number
  /** NaN at both ends where none can be made: one prompt, nothing tested, or no spread at all. */
  readonly low: number
  readonly high: number
  readonly seeds: number
  /** Undefined where there is nothing to tell them from: one prompt, or nothing tested. */
  readonly errors: Errors | undefined
  /** True if the prompts' own part came out below 0 and stands at 0. */
  readonly cut: boolean
  /** True if the interval is as wide as prompts alone make it, seeds and prompts together being narrower. */
  readonly floor: boolean
}

/** Errors that are this share of a figure are what rounding leaves of none. */
const rounding = 1e-12

/**
 * A figure's interval for new seeds and prompts; with one seed for new prompts under it.
 *
 * NaN at both ends where no interval can be made: one prompt, nothing tested, or the same under every seed and prompt, which
 * shows no spread to make one of.
 */
export const estimateOf = ({ value, z_SP }: Influence): Estimate => {
  const [S, P] = [z_SP.length, z_SP[0]!.length]
  const unknown = { value, low: Number.NaN, high: Number.NaN, seeds: S, cut: false, floor: false }
  // One prompt says nothing of others, and a figure of no tested token is none.
  if (P < 2 || !Number.isFinite(value)) return { ...unknown, errors: undefined }
  const { errors, cut } = crossedErrors(z_SP)
  if (Math.hypot(errors.seeds, errors.prompts, errors.noise) <= rounding * Math.max(1, Math.abs(value)))
    return { ...unknown, errors: { seeds: 0, prompts: 0, noise: 0 } }
  const half = halfWidth(errors, S, P)
  return { value, low: value - half, high: value + half, seeds: S, errors, cut, floor: isFloored(errors, S, P) }
}
