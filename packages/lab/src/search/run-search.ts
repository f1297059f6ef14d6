/** Runs the searches of several arms or references side by side, and chooses for each. */
import { type DataError, InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import { meanOf } from "../choices.ts"
import type { Point } from "../experiment/points.ts"
import type { Sweep } from "../experiment/sweep.ts"
import type { Judge, Trial } from "../judge.ts"
import { paidFor } from "../paid.ts"
import { ownFlops, type Stage } from "../stage.ts"
import { type Chosen, chooseBest, type Tried } from "./choose.ts"
import { type Answer, type Attempt, type Rungs, rungsOf, searching, sizeOf } from "./rungs.ts"

/** A point at a rung: a training for each seed of the search. */
export interface Run {
  readonly trials: ReadonlyArray<Trial>
  /** Steps of each, where the search has several rungs. */
  readonly steps?: number
}

/** The points of one arm or reference; none if the search has no setting of it. */
export interface Candidates {
  readonly name: string
  readonly points: ReadonlyArray<Point>
  /** @param before the same point at the rung before, whose trainings it may go on from */
  readonly at: (
    point: Point,
    rung: number,
    rungs: Rungs,
    before: Run | undefined,
  ) => Effect.Effect<Run, InvalidInput | DataError>
}

/** The conditions of a search. */
export interface Conditions<E, R> {
  readonly method?: Sweep["method"] | undefined
  readonly budget?: Sweep["budget"] | undefined
  readonly over?: Sweep["over"]
  readonly better: "higher" | "lower"
  readonly judge: Judge<E, R>
  readonly seeds: number
  /** True if the training of an arm's start is part of its cost. */
  readonly withStarts: boolean
}

/** A choice, and the trials behind it. */
export interface Searched extends Chosen {
  readonly trials: ReadonlyArray<Trial>
}

/** The score of a point from those of its trials: their mean, null where one has none. */
const pointScore = (scores: ReadonlyArray<number | null | undefined>) => {
  const known = scores.every((score) => score !== undefined)
  const all = scores.map((score) => (score !== undefined && Number.isFinite(score) ? score : null))
  return { known, score: meanOf(all), ...(all.length > 1 && { scores: all }) }
}

/** One search: its trials so far, by point and rung. */
class OneSearch {
  readonly #runs = new Map<string, Run>()
  readonly rungs: Rungs
  readonly #paid = new Set<string>()

  constructor(
    readonly candidates: Candidates,
    readonly conditions: Conditions<unknown, unknown>,
  ) {
    this.rungs = rungsOf(conditions.method, candidates.points.length)
  }

  run({ point, rung }: Attempt): Run {
    return this.#runs.get(`${point} ${rung}`)! // `plan` came before.
  }

  /** Plans the stages of a trial, and those of the rungs before it. */
  plan({ point, rung }: Attempt): Effect.Effect<Run, InvalidInput | DataError> {
    return Effect.gen({ self: this }, function* () {
      const key = `${point} ${rung}`
      const known = this.#runs.get(key)
      if (known !== undefined) return known
      const before = rung === 0 ? undefined : yield* this.plan({ point, rung: rung - 1 })
      const run = yield* this.candidates.at(this.candidates.points[point]!, rung, this.rungs, before)
      this.#runs.set(key, run)
      return run
    })
  }

  /** Plans all trials that may follow, where a budget needs their costs. */
  planAll(): Effect.Effect<void, InvalidInput | DataError> {
    const { budget } = this.conditions
    if (budget?.flops === undefined && budget?.seconds === undefined) return Effect.void
    const last = this.rungs.count - 1
    return Effect.forEach(this.candidates.points, (_, point) => this.plan({ point, rung: last }), { discard: true })
  }

  /** The stages of a training's cost, without its own. */
  #more(stage: Stage): ReadonlyArray<Stage> {
    return paidFor(stage, this.conditions.withStarts).filter(({ key }) => key !== stage.key)
  }

  begin() {
    const { better, budget, seeds } = this.conditions
    return searching({
      ...{ points: this.candidates.points.length, rungs: this.rungs, better, budget, trainings: seeds },
      own: (asked) => this.run(asked).trials.reduce((sum, { trained }) => sum + ownFlops(trained), 0),
      shared: (point) =>
        new Map(
          this.run({ point, rung: 0 }).trials.flatMap(({ trained }) =>
            this.#more(trained).map((stage) => [stage.key, ownFlops(stage)] as const),
          ),
        ),
    })
  }

  /** Seconds of a trial, and of caches and texts that none before had. */
  seconds(asked: Attempt): Pick<Answer, "seconds" | "more"> {
    const { secondsOf } = this.conditions.judge
    const { trials } = this.run(asked)
    const own = trials.flatMap(({ trained, judged }) => [trained, judged])
    let seconds: number | undefined = 0
    for (const stage of own) {
      const known = secondsOf(stage)
      const before = stage.continues === undefined ? 0 : (secondsOf(stage.continues) ?? 0)
      seconds = known === undefined || seconds === undefined ? undefined : seconds + Math.max(0, known - before)
    }
    let more = 0
    for (const stage of trials.flatMap(({ trained }) => this.#more(trained))) {
      if (!this.#paid.has(stage.key)) more += secondsOf(stage) ?? 0
      this.#paid.add(stage.key)
    }
    return { seconds, more }
  }

  /** @error InvalidInput for a budget without room for one point */
  refuse(): InvalidInput {
    const { budget, seeds } = this.conditions
    let trainings = 0
    for (let rung = 0; rung < this.rungs.count; rung++) trainings += seeds * sizeOf(1, rung, this.rungs)
    const problems = [
      `budget ${JSON.stringify(budget)} has no room for one point, which needs ${trainings} ${trainings === 1 ? "training" : "trainings"}; raise it, or ask for fewer seeds, rungs or steps`,
    ]
    return new InvalidInput({ what: `sweep of ${this.candidates.name}`, problems })
  }
}

/**
 * Runs searches and chooses. Portions of all of them are judged together, so that their trainings may run side by side.
 *
 * @error InvalidInput if no point of a search has a score, or its budget has no room for one
 */
export const runSearches = <E, R>(
  all: ReadonlyArray<Candidates>,
  conditions: Conditions<E, R>,
): Effect.Effect<ReadonlyArray<Searched>, InvalidInput | DataError | E, R> =>
  Effect.gen(function* () {
    const { better, judge, over } = conditions
    const searches = yield* Effect.forEach(all, (candidates) =>
      Effect.gen(function* () {
        const search = new OneSearch(candidates, conditions)
        yield* search.planAll()
        const steps = search.begin()
        const tried: Array<Tried & { readonly known: boolean }> = []
        return { search, steps, now: steps.next(), tried, trials: [] as Array<Trial> }
      }),
    )
    for (;;) {
      const asked = searches.flatMap((each) => (each.now.done === true ? [] : [{ each, portion: each.now.value }]))
      if (asked.length === 0) break
      const runs = yield* Effect.forEach(asked, ({ each, portion }) =>
        Effect.forEach(portion, (one) => each.search.plan(one)),
      )
      const scores = yield* judge.scores(runs.flat().flatMap(({ trials }) => trials))
      let at = 0
      for (const [i, { each, portion }] of asked.entries()) {
        const { points } = each.search.candidates
        const answers = portion.map((one, p): Answer => {
          const { trials, steps } = runs[i]![p]!
          const judged = pointScore(scores.slice(at, (at += trials.length)))
          each.trials.push(...trials)
          const { name, set } = points[one.point]!
          each.tried.push({ name, set, ...judged, ...(steps !== undefined && { rung: one.rung, steps }) })
          return { score: judged.known ? judged.score : undefined, ...each.search.seconds(one) }
        })
        each.now = each.steps.next(answers)
      }
    }
    return yield* Effect.forEach(searches, ({ search, tried, trials }) =>
      Effect.gen(function* () {
        const { name, points } = search.candidates
        if (points.length > 0 && tried.length === 0) return yield* search.refuse()
        return { ...(yield* chooseBest(name, better, tried, over)), trials }
      }),
    )
  })
