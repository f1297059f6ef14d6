/** The percentile bootstrap over items: the interval of a statistic whose items are a sample. n items. */
import { quantile } from "./quantile.ts"
import { seeded } from "./rng.ts"

/**
 * The 95 % percentile interval of a statistic of n items, from `draws` samples of n items with replacement.
 *
 * @param statistic of the items at these indices, some of them repeated; a draw with NaN has no statistic and is left out
 * @returns null where more than half of the draws have none; `kept` counts the draws that have one
 * @source Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13
 */
export const bootstrapInterval = (
  n: number,
  statistic: (items: ReadonlyArray<number>) => number,
  { draws = 2000, seed = 0 }: { readonly draws?: number; readonly seed?: number } = {},
): { readonly low: number; readonly high: number; readonly kept: number } | null => {
  const rng = seeded(seed, "bootstrap", n)
  const values: Array<number> = []
  for (let i = 0; i < draws; i++) {
    const value = statistic(Array.from({ length: n }, () => rng.below(n)))
    if (!Number.isNaN(value)) values.push(value)
  }
  if (values.length < draws / 2) return null
  return { low: quantile(values, 0.025), high: quantile(values, 0.975), kept: values.length }
}
