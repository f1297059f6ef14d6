/** The choice among the points of a search, and how far chance decides it. */
import { InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import { type Domain, isAtEdge, isRange } from "../experiment/domain.ts"
import type { Settings } from "../experiment/points.ts"
import { canonicalJson } from "../store/key.ts"

/** One tried point of a training. */
export interface Tried {
  readonly name: string
  readonly set: Settings
  /**
   * By the measure of the search, the mean over its seeds; null if a training stopped itself, or the measure had no
   * value.
   */
  readonly score: number | null
  /** Under each seed, where there are several. */
  readonly scores?: ReadonlyArray<number | null>
  /** Of a halving: the rung, from 0 on, and its steps. The choice is among the points of the last one. */
  readonly rung?: number
  readonly steps?: number
}

/** The choice of settings for one arm or reference. */
export interface Chosen {
  readonly name: string
  readonly tried: ReadonlyArray<Tried>
  readonly chosen: Settings
  /** Paths of numbers whose chosen value is at an end of what was tried: a better value may lie beyond. */
  readonly edges: ReadonlyArray<string>
  /**
   * Standard error of the difference between the scores of two points, from how differently seeds rank the points; null
   * where fewer than two points have a score under every seed.
   */
  readonly noise?: number | null
}

/** The points that were tried with as many steps as the chosen one. */
export const lastRung = <T extends Pick<Tried, "rung">>(tried: ReadonlyArray<T>): ReadonlyArray<T> => {
  const last = Math.max(...tried.map(({ rung = 0 }) => rung))
  return tried.filter(({ rung = 0 }) => rung === last)
}

/** The points with the most steps of which at least two have a score: those whose scores can be compared. */
export const comparable = <T extends Pick<Tried, "rung" | "score">>(tried: ReadonlyArray<T>): ReadonlyArray<T> => {
  const rungs = [...Map.groupBy(tried, ({ rung = 0 }) => rung)].toSorted(([a], [b]) => b - a)
  const scored = rungs.map(([, each]) => each.filter(({ score }) => score !== null))
  return scored.find(({ length }) => length >= 2) ?? []
}

/** Scores of the points that have one under every seed. */
const wholeRows = (tried: ReadonlyArray<Tried>): ReadonlyArray<ReadonlyArray<number>> =>
  tried.flatMap(({ scores = [] }) => {
    const known = scores.filter((score) => score !== null)
    return known.length < scores.length || known.length < 2 ? [] : [known]
  })

/**
 * The noise of a search: the variance of what is left of the scores without the means of points and of seeds, as all
 * points are tried under the same seeds. Of a halving it is that of the longest trainings that two points have.
 */
const noiseOf = (tried: ReadonlyArray<Tried>): number | null => {
  const rungs = Map.groupBy(tried, ({ rung = 0 }) => rung)
  const [rows] = [...rungs]
    .toSorted(([a], [b]) => b - a)
    .map(([, each]) => wholeRows(each))
    .filter((each) => each.length >= 2)
  if (rows === undefined) return null
  const mean = (values: ReadonlyArray<number>) => values.reduce((sum, x) => sum + x, 0) / values.length
  const seeds = rows[0]!.length
  const ofSeed = Array.from({ length: seeds }, (_, s) => mean(rows.map((row) => row[s]!)))
  const ofAll = mean(ofSeed)
  let squares = 0
  for (const row of rows)
    for (const [s, score] of row.entries()) squares += (score - mean(row) - ofSeed[s]! + ofAll) ** 2
  return Math.sqrt((2 * squares) / ((rows.length - 1) * (seeds - 1)) / seeds)
}

/** The point with these settings. */
export const pointAt = <T extends Pick<Tried, "set">>(tried: ReadonlyArray<T>, wanted: Settings): T | undefined =>
  tried.find(({ set }) => canonicalJson(set) === canonicalJson(wanted))

/**
 * The number of other points whose score is within two standard errors of the chosen one's: the search does not tell them
 * apart. Of a halving with one point on its last rung they are those of the rung before.
 */
export const levelWithBest = ({ tried, chosen, noise }: Pick<Chosen, "tried" | "chosen" | "noise">): number => {
  const compared = comparable(tried)
  const best = pointAt(compared, chosen)
  if (best?.score == null || noise == null) return 0
  const [top, reach] = [best.score, 2 * noise]
  return compared.filter(({ score }) => Math.abs(score! - top) <= reach).length - 1
}

/** The index of the point with the middle value of every path; of drawn points the one in the middle of their order. */
const middle = (tried: ReadonlyArray<Tried>): number => {
  const paths = Object.keys(tried[0]!.set)
  const wanted = Object.fromEntries(
    paths.map((path) => {
      const values = [...new Map(tried.map(({ set }) => [canonicalJson(set[path]), set[path]])).values()]
      return [path, values[values.length >> 1]]
    }),
  )
  const at = tried.findIndex(({ set }) => canonicalJson(set) === canonicalJson(wanted))
  return at < 0 ? tried.length >> 1 : at
}

const edgesOf = (
  tried: ReadonlyArray<Tried>,
  chosen: Settings,
  over: Readonly<Record<string, Domain>>,
): ReadonlyArray<string> =>
  Object.entries(chosen).flatMap(([path, value]) => {
    const values = tried.map(({ set }) => set[path])
    if (typeof value !== "number" || !values.every((v) => typeof v === "number")) return []
    const domain = over[path]
    const atEnd = domain !== undefined && isRange(domain) && isAtEdge(domain, value)
    return atEnd || value === Math.min(...values) || value === Math.max(...values) ? [path] : []
  })

/**
 * The best point; a training without any stays unchanged. Among equal scores it is the first in the order of
 * `pointsOf`: of a grid the smallest numbers. If no score of the last rung is known yet (plans) it is the point in the
 * middle.
 *
 * @param tried with `known` false for a trial that was not run. A process that only looks trials up finds no artifact
 *   of a diverged training, which beside known trials counts as stopped
 * @param over the domains of the search, whose ends are edges
 * @error InvalidInput if no point has a score
 */
export const chooseBest = (
  name: string,
  better: "higher" | "lower",
  tried: ReadonlyArray<Tried & { readonly known: boolean }>,
  over: Readonly<Record<string, Domain>> = {},
): Effect.Effect<Chosen, InvalidInput> => {
  const points = tried.map(({ known: _, ...point }) => point)
  if (points.length === 0) return Effect.succeed({ name, tried: [], chosen: {}, edges: [] })
  const compared = lastRung(points)
  let best = lastRung(tried).some(({ known }) => known) ? -1 : middle(compared)
  const sign = better === "higher" ? 1 : -1
  if (best < 0)
    for (const [i, { score }] of compared.entries())
      if (score !== null && (best < 0 || sign * score > sign * compared[best]!.score!)) best = i
  if (best < 0) {
    const problems = [
      `no training came to a score, tried were ${compared.map((p) => p.name).join("; ")}: training stops itself where the loss is not finite, so add lower rates`,
    ]
    return Effect.fail(new InvalidInput({ what: `sweep of ${name}`, problems }))
  }
  const chosen = compared[best]!.set
  const several = points.some(({ scores }) => scores !== undefined)
  const noise = several ? { noise: noiseOf(points) } : {}
  return Effect.succeed({ name, tried: points, chosen, edges: edgesOf(points, chosen, over), ...noise })
}
