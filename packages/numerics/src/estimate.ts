/** A figure with its interval: lab and `evaluate` compute intervals here and nowhere else. */
import { crossedErrors, type Errors, halfWidth, isFloored } from "./crossed.ts"
import type { Influence } from "./ratio.ts"

/** A figure with its 95 % interval, the number of seeds, and the parts of the interval. */
export interface Estimate {
  readonly value: number
  /** NaN at both ends where no interval exists: one prompt, nothing tested, or no spread at all. */
  readonly low: number
  readonly high: number
  readonly seeds: number
  /** Undefined where nothing gives them: one prompt, or nothing tested. */
  readonly errors: Errors | undefined
  /** True if the prompts' own part was below 0 and was set to 0. */
  readonly cut: boolean
  /** True if prompts alone give a wider interval than seeds and prompts together, and so set its width. */
  readonly floor: boolean
}

/** Errors below this share of a figure are the rounding of zero. */
const rounding = 1e-12

/**
 * A figure's interval for new seeds and prompts; with one seed, for new prompts under that seed.
 *
 * NaN at both ends where no interval exists: one prompt, nothing tested, or the same value under every seed and prompt,
 * which shows no spread.
 */
export const estimateOf = ({ value, z_SP }: Influence): Estimate => {
  const [S, P] = [z_SP.length, z_SP[0]!.length]
  const unknown = { value, low: Number.NaN, high: Number.NaN, seeds: S, cut: false, floor: false }
  // One prompt gives no information on others, and without a tested token there is no figure.
  if (P < 2 || !Number.isFinite(value)) return { ...unknown, errors: undefined }
  const { errors, cut } = crossedErrors(z_SP)
  if (Math.hypot(errors.seeds, errors.prompts, errors.noise) <= rounding * Math.max(1, Math.abs(value)))
    return { ...unknown, errors: { seeds: 0, prompts: 0, noise: 0 } }
  const half = halfWidth(errors, S, P)
  return { value, low: value - half, high: value + half, seeds: S, errors, cut, floor: isFloored(errors, S, P) }
}
