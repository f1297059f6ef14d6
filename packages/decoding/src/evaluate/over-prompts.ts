/** A figure of a list of prompts with its interval: the lab's, of prompts alone. */
import { type Cell, crossedErrors, halfWidth, type Influence, medianInfluence, ratioInfluence } from "@winnow/numerics"
import { figure } from "../counts.ts"

/** The ends of an interval; null where none can be made. JSON has no NaN. */
export interface Ends {
  readonly low: number | null
  readonly high: number | null
}

/** A ratio over prompts, in both ways, with the interval of the pooled one. */
export interface OverPrompts extends Ends {
  /** Sum of numerators over sum of denominators. */
  readonly pooled: number
  /** Mean of the prompts' own ratios. */
  readonly perPrompt: number
  /** Those with a denominator above 0; the others count nowhere. */
  readonly prompts: number
}

/** Errors that are this share of a figure are what rounding leaves of none. */
const rounding = 1e-12

const none: Ends = { low: null, high: null }

/**
 * The 95 % interval of a figure for new prompts: of one prompt there is none, nor of prompts that all give the same, which
 * show no spread to make one of.
 *
 * @param within what the figure can be: the ends are cut there
 */
const endsOf = ({ value, z_SP }: Influence, [least, most]: readonly [number, number]): Ends => {
  const P = z_SP[0]!.length
  if (P < 2) return none
  const { errors } = crossedErrors(z_SP)
  if (errors.prompts <= rounding * Math.max(1, Math.abs(value))) return none
  const half = halfWidth(errors, 1, P)
  return { low: Math.max(least, value - half), high: Math.min(most, value + half) }
}

/**
 * The figure of numerators and denominators, one pair a prompt.
 *
 * @param within what the figure can be, 0 to infinity if left out
 * @returns null if no prompt has a denominator above 0
 */
export const overPrompts = (
  pairs: ReadonlyArray<Cell>,
  within: readonly [least: number, most: number] = [0, Number.POSITIVE_INFINITY],
): OverPrompts | null => {
  const used = pairs.filter(([, denominator]) => denominator > 0)
  const both = figure(used)
  if (both === null) return null
  return { ...both, ...endsOf(ratioInfluence([used]), within), prompts: used.length }
}

/** The same figure in other units, such as tau as MBSU; the factor is the same for every prompt. */
export const scaled = (of: OverPrompts | null, factor: number): OverPrompts | null =>
  of && {
    pooled: of.pooled * factor,
    perPrompt: of.perPrompt * factor,
    low: of.low === null ? null : of.low * factor,
    high: of.high === null ? null : of.high * factor,
    prompts: of.prompts,
  }

/**
 * Interval of a speed-up: the median over rounds of each round's median over prompts. What other rounds would give is not in
 * it: their own medians show that.
 *
 * @param ratios [rounds][prompts]
 */
export const speedupInterval = (ratios: ReadonlyArray<ReadonlyArray<number>>): Ends =>
  endsOf(medianInfluence([ratios]), [0, Number.POSITIVE_INFINITY])
