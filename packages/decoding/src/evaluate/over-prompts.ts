/** A figure of a list of prompts with what resampling the prompts says of it. */
import { bootstrap, median, seeded } from "@winnow/numerics"
import { figure } from "../counts.ts"

/** A ratio over prompts, in both ways, with the interval of the pooled one. */
export interface OverPrompts {
  /** Sum of numerators over sum of denominators. */
  readonly pooled: number
  /** Mean of the prompts' own ratios. */
  readonly perPrompt: number
  /** Ends of the 95 % percentile interval of `pooled`, prompts resampled; null for one prompt, which has no spread. */
  readonly low: number | null
  readonly high: number | null
  /** Those with a denominator above 0; the others count nowhere. */
  readonly prompts: number
}

/** The ends of an interval without a name for "none" of their own: JSON has no NaN. */
const end = (x: number): number | null => (Number.isFinite(x) ? x : null)

/** The same draws for every figure, so that figures of one run share the prompts that they are resampled to. */
const options = () => ({ rng: seeded(0, "evaluate") })

/**
 * The figure of numerators and denominators, one pair a prompt.
 *
 * @returns null if no prompt has a denominator above 0
 */
export const overPrompts = (
  pairs: ReadonlyArray<readonly [numerator: number, denominator: number]>,
): OverPrompts | null => {
  const used = pairs.filter(([, denominator]) => denominator > 0)
  const both = figure(used)
  if (both === null) return null
  const pooled = (indices: Int32Array): number => {
    let [numerator, denominator] = [0, 0]
    for (const i of indices) {
      numerator += used[i]![0]
      denominator += used[i]![1]
    }
    return numerator / denominator
  }
  const { low, high } = bootstrap(used.length, pooled, options())
  return { ...both, low: end(low), high: end(high), prompts: used.length }
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
 * Interval of a speed-up: the median over rounds of each round's median over prompts, prompts resampled alike in all rounds.
 * What other rounds would give is not in it: their own medians show that.
 *
 * @param ratios [rounds][prompts]
 */
export const speedupInterval = (
  ratios: ReadonlyArray<ReadonlyArray<number>>,
): { readonly low: number | null; readonly high: number | null } => {
  const statistic = (indices: Int32Array) =>
    median(ratios.map((round) => median(Array.from(indices, (i) => round[i]!))))
  const { low, high } = bootstrap(ratios[0]!.length, statistic, options())
  return { low: end(low), high: end(high) }
}
