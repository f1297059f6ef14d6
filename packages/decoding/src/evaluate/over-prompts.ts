/** A figure of a list of prompts with its interval: the lab's, of prompts alone. */
import { type Cell, estimateOf, type Influence, medianInfluence, ratioInfluence } from "@winnow/numerics"
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
  /** The number of prompts with a denominator above 0; the others count nowhere. */
  readonly prompts: number
}

/** An end without a name for "none" of its own: JSON has no NaN. */
const end = (x: number): number | null => (Number.isFinite(x) ? x : null)

/**
 * The 95 % interval of a figure for new prompts, as the lab has it for one seed.
 *
 * @param within what the figure can be: the ends are cut there
 */
const endsOf = (influence: Influence, [least, most]: readonly [number, number]): Ends => {
  const { low, high } = estimateOf(influence)
  return { low: end(Math.max(least, low)), high: end(Math.min(most, high)) }
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
 * Interval of a speed-up: the median over rounds of each round's median over prompts. The spread over other rounds is
 * not in it: the rounds' own medians show that.
 *
 * @param ratios [rounds][prompts]
 */
export const speedupInterval = (ratios: ReadonlyArray<ReadonlyArray<number>>): Ends =>
  endsOf(medianInfluence([ratios]), [0, Number.POSITIVE_INFINITY])
