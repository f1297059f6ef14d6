/**
 * How far a score's order of starts agrees with the order of what they reach, with intervals over starts.
 *
 * Letters: n starts; `promise_n` is the score with its better end up.
 */
import { bootstrapInterval, kendallTau, partialRankCorrelation, weightedTau } from "@winnow/numerics"
import type { TableFigure } from "./table.ts"

/** Draws of each interval: ends move by less than 0.01 from 1000 to more. */
const draws = 1000

/** The agreement of one score; a figure is null where there are too few starts, or no order. */
export interface Agreement {
  /** Kendall's tau-b, -1 to 1. */
  readonly tau: TableFigure | null
  /** The same with the weight 1 / rank, so that the best starts count most. */
  readonly weighted: TableFigure | null
  /** The partial rank correlation beside another score, -1 to 1. */
  readonly beside: TableFigure | null
  /** The share of the score's first starts that are among those that reached the most, 0 to 1. */
  readonly top: TableFigure | null
  /** The most that a start reached, minus the reached of the score's first start; 0 or more. */
  readonly short: TableFigure | null
}

/** How far each item is among the k largest, 0 to 1: items tied at the border share the places that are left. */
export const amongTop = (x_n: ReadonlyArray<number>, k: number): ReadonlyArray<number> => {
  const border = x_n.toSorted((a, b) => b - a)[k - 1]!
  const above = x_n.filter((x) => x > border).length
  const tied = x_n.filter((x) => x === border).length
  return x_n.map((x) => (x > border ? 1 : x === border ? (k - above) / tied : 0))
}

/** The share of the k largest of `a` that are among the k largest of `b`, 0 to 1: of a tied item the smaller of its shares. */
export const topOverlap = (a_n: ReadonlyArray<number>, b_n: ReadonlyArray<number>, k: number): number => {
  const [a, b] = [amongTop(a_n, k), amongTop(b_n, k)]
  return a.reduce((sum, x, i) => sum + Math.min(x, b[i]!), 0) / k
}

/** The largest of `b`, minus the mean of `b` over the items with the largest `a`. */
export const shortOfBest = (a_n: ReadonlyArray<number>, b_n: ReadonlyArray<number>): number => {
  const first = amongTop(a_n, 1)
  return Math.max(...b_n) - first.reduce((sum, share, i) => sum + share * b_n[i]!, 0)
}

/**
 * The agreement of a score with what the starts reached.
 *
 * @param lists one number a start in each list; `control` is the promise of the other score
 * @param k number of the first starts
 */
export const agreementOf = (
  lists: {
    readonly promise: ReadonlyArray<number>
    readonly reached: ReadonlyArray<number>
    readonly control?: ReadonlyArray<number> | undefined
  },
  k: number,
): Agreement => {
  const n = lists.promise.length
  const figure = (
    of: (promise: Array<number>, reached: Array<number>, control: Array<number>) => number,
  ): TableFigure | null => {
    const statistic = (items: ReadonlyArray<number>) => {
      const pick = (x: ReadonlyArray<number>) => items.map((i) => x[i]!)
      return of(pick(lists.promise), pick(lists.reached), pick(lists.control ?? []))
    }
    const value = n < 3 ? Number.NaN : statistic(Array.from({ length: n }, (_, i) => i))
    if (!Number.isFinite(value)) return null
    const interval = bootstrapInterval(n, statistic, { draws })
    return { value, low: interval?.low ?? null, high: interval?.high ?? null }
  }
  return {
    tau: figure(kendallTau),
    weighted: figure(weightedTau),
    beside: lists.control === undefined ? null : figure(partialRankCorrelation),
    top: n <= k ? null : figure((a, b) => topOverlap(a, b, k)),
    short: figure(shortOfBest),
  }
}
