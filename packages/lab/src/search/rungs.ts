/**
 * The order of a search's trials, as a function of their scores and costs. A grid and random draws are one rung; a
 * halving has several, each with `factor` times the steps of the one before and the best part of its points.
 */
import type { Method, SearchBudget } from "../experiment/sweep.ts"

/** The rungs of a search. */
export interface Rungs {
  readonly count: number
  /** Points on a rung for each point on the next one. */
  readonly factor: number
}

/** @param points number of points of the first rung */
export const rungsOf = (method: Method | undefined, points: number): Rungs => {
  if (method?.kind !== "halving") return { count: 1, factor: 1 }
  const { factor, rungs } = method
  let count = 1
  for (let left = Math.floor(points / factor); left >= 1; left = Math.floor(left / factor)) count++
  return { count: rungs ?? count, factor }
}

/** Points of a rung, from so many of the first: one at least. */
export const sizeOf = (points: number, rung: number, { factor }: Rungs): number =>
  Math.max(1, Math.floor(points / factor ** rung))

/** Steps of a rung: a part of all, which the last rung has. */
export const stepsOf = (steps: number, rung: number, { count, factor }: Rungs): number =>
  Math.max(1, Math.round(steps / factor ** (count - 1 - rung)))

/** A trial to run: a point at a rung. */
export interface Attempt {
  readonly point: number
  readonly rung: number
}

/** A trial that was run. */
export interface Answer {
  /** Null for a training that stopped itself, undefined for one that was not run (plans). */
  readonly score: number | null | undefined
  /** Seconds of the trial itself, and of caches and texts that no earlier trial had; undefined where they are not known. */
  readonly seconds?: number | undefined
  readonly more?: number | undefined
}

/** A search, without its stages. */
export interface SearchOf {
  readonly points: number
  readonly rungs: Rungs
  readonly better: "higher" | "lower"
  readonly budget?: SearchBudget | undefined
  /** Trainings of a trial: the seeds. */
  readonly trainings: number
  /** FLOPs of a trial, without what an earlier rung has of it. */
  readonly own: (asked: Attempt) => number
  /** FLOPs of the caches, texts and models behind a point by their keys, each counted once for a search. */
  readonly shared: (point: number) => ReadonlyMap<string, number>
}

const sum = (values: Iterable<number>): number => {
  let all = 0
  for (const value of values) all += value
  return all
}

/** The costs of a search so far, and of the trials that may follow. */
class Costs {
  trials = 0
  flops = 0
  seconds = 0
  /** The most seconds a FLOP so far; undefined as long as no trial has told. */
  pace: number | undefined
  readonly #paid = new Map<string, number>()
  readonly #search: SearchOf

  constructor(search: SearchOf) {
    this.#search = search
  }

  add(asked: Attempt, { score, seconds, more = 0 }: Answer): void {
    const own = this.#search.own(asked)
    this.trials += this.#search.trainings
    this.flops += own
    for (const [key, flops] of this.#search.shared(asked.point)) {
      if (!this.#paid.has(key)) this.flops += flops
      this.#paid.set(key, flops)
    }
    // A training that stopped itself has no artifact that tells.
    if (seconds === undefined) this.seconds += score === null ? own * (this.pace ?? 0) : 0
    if (seconds === undefined) return
    this.seconds += seconds + more
    if (own > 0) this.pace = Math.max(this.pace ?? 0, seconds / own)
  }

  /**
   * True if the budget has room for these points at this rung, and for the dearest of them at all later ones.
   *
   * @param done of them were run before
   */
  allows(pool: ReadonlyArray<number>, rung: number, done: number): boolean {
    const { budget, rungs, own, shared, trainings } = this.#search
    if (budget === undefined) return true
    const left = pool.slice(done)
    let [trials, flops] = [left.length, 0]
    // Costs of FLOPs are asked for where the budget has them, as each needs the plan of its stages.
    const counted = budget.flops !== undefined || budget.seconds !== undefined
    if (counted) {
      flops += sum(left.map((point) => own({ point, rung })))
      const more = new Map(pool.flatMap((point) => [...shared(point)]))
      flops += sum([...more].flatMap(([key, cost]) => (this.#paid.has(key) ? [] : [cost])))
    }
    for (let later = rung + 1; later < rungs.count; later++) {
      const size = sizeOf(pool.length, later - rung, rungs)
      trials += size
      if (!counted) continue
      const dearest = pool.map((point) => own({ point, rung: later })).toSorted((a, b) => b - a)
      flops += sum(dearest.slice(0, size))
    }
    const within = (most: number | undefined, cost: number) => most === undefined || cost <= most
    return (
      within(budget.trials, this.trials + trials * trainings) &&
      within(budget.flops, this.flops + flops) &&
      within(budget.seconds, this.seconds + flops * (this.pace ?? 0))
    )
  }
}

/** Points of a rung in the order of their scores, the best first; ties in the order of the points. */
const ranked = (all: ReadonlyArray<Attempt & Answer>, better: "higher" | "lower"): ReadonlyArray<number> => {
  // Nothing is known in a plan: the first ones stand for the best.
  if (all.every(({ score }) => score === undefined)) return all.map(({ point }) => point)
  const sign = better === "higher" ? -1 : 1
  return all
    .filter(({ score }) => score != null && Number.isFinite(score))
    .toSorted((a, b) => sign * (a.score! - b.score!) || a.point - b.point)
    .map(({ point }) => point)
}

/**
 * Yields portions of trials, takes their answers, and returns all. It never begins a portion that could pass the budget of
 * trials or FLOPs. Seconds are known afterwards only: a portion begins if it fits by the slowest pace so far, and the first
 * trial always runs.
 */
export function* searching(
  search: SearchOf,
): Generator<ReadonlyArray<Attempt>, ReadonlyArray<Attempt & Answer>, ReadonlyArray<Answer>> {
  const { points, rungs, budget, better } = search
  const costs = new Costs(search)
  const all: Array<Attempt & Answer> = []
  let pool: ReadonlyArray<number> = Array.from({ length: points }, (_, point) => point)
  let first = points
  for (let rung = 0; rung < rungs.count && pool.length > 0; rung++) {
    if (rung > 0) pool = pool.slice(0, sizeOf(first, rung, rungs))
    let done = 0
    const begun = all.length
    while (done < pool.length) {
      let most = done
      while (most < pool.length && costs.allows(pool.slice(0, most + 1), rung, done)) most++
      // Portions grow as the clock tells more.
      const until = budget?.seconds === undefined ? most : Math.min(most, Math.max(1, 2 * done))
      if (until === done) break
      const portion = pool.slice(done, until).map((point) => ({ point, rung }))
      const answers = yield portion
      for (const [i, asked] of portion.entries()) {
        costs.add(asked, answers[i]!)
        all.push({ ...asked, ...answers[i]! })
      }
      done = until
    }
    if (rung === 0) first = done
    pool = ranked(all.slice(begun), better)
  }
  return all
}
