/**
 * Replaces searches and `computeOf` steps by plain numbers: settings that the validation split chooses, and steps that
 * cost as much as another arm. The result is a function of the experiment and of artifacts, so every process settles
 * alike.
 */
import { type DataError, type HeadUse, InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import { type Arm, cellStages, frozenReference, startOf } from "./cells.ts"
import type { Choice } from "./choices.ts"
import { armsBefore } from "./experiment/places.ts"
import { plainSpec } from "./experiment/plain-json.ts"
import { type Fields, type Point, pointsOf } from "./experiment/points.ts"
import { armAt, ofArms, ofReferences, referenceAt } from "./experiment/resolve.ts"
import type { Resolved, ResolvedArm } from "./experiment/resolved.ts"
import { searches, searchingOf } from "./experiment/searching.ts"
import { type Sweep, sweepMeasures } from "./experiment/sweep.ts"
import type { Judge, Trial } from "./judge.ts"
import { countsStarts, paidFor } from "./paid.ts"
import { atRung } from "./search/at-rung.ts"
import type { Chosen } from "./search/choose.ts"
import { type Candidates, runSearches, type Searched } from "./search/run-search.ts"
import type { Rungs } from "./search/rungs.ts"
import type { Shared } from "./shared.ts"
import { flopsOf, type Stage } from "./stage.ts"
import type { BeginModel } from "./stages/start.ts"
import { trialsBy } from "./stages/trial.ts"
import { canonicalJson } from "./store/key.ts"

/** The result of a search: the tried points, and the chosen one. */
export interface SweepRecord extends Pick<Sweep, "over" | "seed" | "seeds" | "prompts" | "method" | "budget"> {
  /** The measure's name, and its better end. */
  readonly by: string
  readonly better: "higher" | "lower"
  readonly dataset: string
  readonly gamma: number
  /** The references first. */
  readonly arms: ReadonlyArray<Chosen>
  /** The trials of each of them. */
  readonly trials: ReadonlyArray<ReadonlyArray<Trial>>
}

/** An experiment with all numbers known. */
export interface Settled extends Omit<Resolved, "arms" | "capacity" | "sweep"> {
  readonly arms: ReadonlyArray<Arm>
  readonly capacity: Arm | undefined
  readonly sweep: SweepRecord | null
  /** The choices beside those of settings: the drafts' start, and arms to begin with. */
  readonly choices: ReadonlyArray<Choice>
}

/** Arms by name. */
type Arms = ReadonlyMap<string, Arm>

/** Groups arms into levels: an arm comes after the arm that it begins with, and after the arm whose cost it copies. */
const levelsOf = (arms: ReadonlyArray<ResolvedArm>): ReadonlyArray<ReadonlyArray<ResolvedArm>> => {
  const before = (arm: ResolvedArm) => [
    ...armsBefore(arm),
    ...(typeof arm.steps === "number" ? [] : [arm.steps.computeOf]),
  ]
  const levels: Array<ReadonlyArray<ResolvedArm>> = []
  const earlier = new Set<string>()
  while (earlier.size < arms.length) {
    // `resolve` has checked that no arm waits for itself.
    const next = arms.filter((arm) => !earlier.has(arm.name) && before(arm).every((name) => earlier.has(name)))
    levels.push(next)
    for (const { name } of next) earlier.add(name)
  }
  return levels
}

/** An arm with a number of steps. `computeOf` becomes the number of steps that the other arm's cost pays for. */
const withSteps = (
  { config: _, ...arm }: ResolvedArm,
  others: Arms,
  shared: Shared,
  start: BeginModel,
  seed: number,
  withStarts: boolean,
): Effect.Effect<Arm, InvalidInput | DataError> =>
  Effect.gen(function* () {
    const { steps } = arm
    if (typeof steps === "number") return { ...arm, steps }
    const costOf = (arm: Arm) =>
      Effect.map(cellStages(arm, shared, start, seed, others), ({ trained }) => {
        const flops = (stages: ReadonlyArray<Stage>) => stages.reduce((sum, stage) => sum + flopsOf(stage), 0)
        return { steps: flops([trained]), all: flops(paidFor(trained, withStarts)) }
      })
    const { all } = yield* costOf(others.get(steps.computeOf)!)
    const thousand = yield* costOf({ ...arm, steps: 1000 })
    const left = all - (thousand.all - thousand.steps)
    if (!(left > 0)) {
      const problems = [
        `what it needs beside its steps costs more than all of ${steps.computeOf}: no steps are left for it`,
      ]
      return yield* new InvalidInput({ what: `arm ${arm.name}`, problems })
    }
    return { ...arm, steps: Math.max(1, Math.round((1000 * left) / thousand.steps)) }
  })

type TrainedReference = Extract<NonNullable<Arm["reference"]>, { kind: "distilled" | "trained" }>

/** The trained references, without duplicates, under the names of their trials. */
const referencesOf = (arms: ReadonlyArray<ResolvedArm>) =>
  Effect.gen(function* () {
    const byKey = new Map<string, TrainedReference>()
    for (const { reference } of arms)
      if (reference?.kind === "distilled" || reference?.kind === "trained")
        byKey.set(canonicalJson(yield* plainSpec(reference)), reference)
    return [...byKey].map(([key, reference], i) => ({ key, reference, name: `reference${i === 0 ? "" : ` ${i + 1}`}` }))
  })

/**
 * Settles an experiment.
 *
 * The search of references comes first. Arms are then tried with the chosen reference. An arm that begins with another arm, or
 * has its cost, comes after it.
 *
 * @param judge runs trials, or looks up their scores
 */
export const settle = <E, R>(
  resolved: Resolved,
  shared: Shared,
  judge: Judge<E, R>,
): Effect.Effect<Settled, InvalidInput | DataError | E, R> =>
  Effect.gen(function* () {
    const { sweep, measure, task, capacity } = resolved
    const [first] = resolved.seeds as readonly [number]
    const costed = yield* startOf(resolved, shared, first)
    const settled = new Map<string, Arm>()
    const withStarts = countsStarts(resolved.arms)
    const withNumber = (arm: ResolvedArm) => withSteps(arm, settled, shared, costed, first, withStarts)
    const inOrder = () => resolved.arms.map(({ name }) => settled.get(name)!)
    const ofCapacity = capacity && (yield* withNumber(capacity))
    const choices: Array<Choice> = []
    const dataset = `${task.name}/validation`
    const { by, seeds, prompts } = searchingOf(resolved)
    const starts = yield* Effect.forEach(searches(resolved) ? seeds : [], (seed) => startOf(resolved, shared, seed))
    const underSeeds = <E, R>(
      each: (start: BeginModel, seed: number, told: string, i: number) => Effect.Effect<Trial, E, R>,
    ): Effect.Effect<ReadonlyArray<Trial>, E, R> =>
      Effect.forEach(seeds, (seed, i) => each(starts[i]!, seed, seeds.length > 1 ? `, seed ${seed}` : "", i))
    const trialOf = trialsBy(by, measure, prompts, shared)
    const better = typeof by === "string" ? sweepMeasures[by] : (yield* by.instance).better
    const trial = (name: string, { set, name: point }: Point, told: string, trained: Stage, head?: HeadUse) =>
      Effect.map(
        trialOf(`try ${name}, ${point}${told}`, trained, head),
        (judged): Trial => ({
          ...{ name, set, trained, judged },
        }),
      )
    const common = { better, judge, seeds: seeds.length, withStarts }

    /** The arms with the best of the arms that they may begin with, which are settled. */
    const begun = (arms: ReadonlyArray<ResolvedArm>) =>
      Effect.gen(function* () {
        const open = arms.filter((arm) => armsBefore(arm).length > 1)
        const all = yield* Effect.forEach(open, (arm) =>
          Effect.map(
            Effect.forEach(armsBefore(arm), (name) => {
              const set = { arm: name }
              return Effect.map(
                underSeeds((start, seed, told) =>
                  Effect.flatMap(cellStages(settled.get(name)!, shared, start, seed, settled), ({ trained, head }) =>
                    trial(`the start of ${arm.name}`, { set, name }, told, trained, head),
                  ),
                ),
                (trials) => ({ name, set, trials }),
              )
            }),
            (points): Candidates => ({
              name: `arms.${arm.name}.start`,
              points,
              at: ({ name }) => Effect.succeed(points.find((one) => one.name === name)!), // A point of these.
            }),
          ),
        )
        const winners = new Map<string, string>()
        for (const [i, { name, tried, chosen }] of (yield* runSearches(all, common)).entries()) {
          const arm = chosen["arm"] as string // A name of `tries`.
          winners.set(open[i]!.name, arm)
          choices.push({
            ...{ at: name, by: typeof by === "string" ? by : by.name, better, dataset, seeds, prompts, chosen: arm },
            tried: tried.map((one) => ({ ...one, scoresByName: {} })),
          })
        }
        return arms.map((arm): ResolvedArm => {
          const winner = winners.get(arm.name)
          if (winner === undefined || arm.start.kind !== "arm") return arm
          const { among: _, ...start } = arm.start
          return { ...arm, start: { ...start, arm: winner } }
        })
      })

    if (sweep === undefined) {
      for (const level of levelsOf(resolved.arms))
        for (const arm of yield* begun(level)) settled.set(arm.name, yield* withNumber(arm))
      return { ...resolved, arms: inOrder(), capacity: ofCapacity, sweep: null, choices }
    }
    const { over, seed, method, budget } = sweep
    const searching = { ...common, over, method, budget }
    /** The points of a search and their trials; without a setting of the search there are none. */
    const candidates = (
      name: string,
      training: object,
      fields: Fields,
      at: (point: Point, rung: number, rungs: Rungs, cuts: ReadonlyArray<Stage>) => ReturnType<Candidates["at"]>,
    ): Candidates => ({
      name,
      points: pointsOf(training, sweep, fields).filter((point) => point.name !== ""),
      at: (point, rung, rungs, before) =>
        Effect.map(at(point, rung, rungs, before?.trials.map(({ trained }) => trained) ?? []), (run) =>
          run.steps === undefined ? run : { ...run, trials: run.trials.map((trial) => ({ ...trial, rung })) },
        ),
    })
    const references = yield* referencesOf(resolved.arms)
    const chosenReferences = yield* runSearches(
      references.map(({ name, reference }) =>
        candidates(name, reference, ofReferences, (point, rung, rungs, shorter) =>
          Effect.gen(function* () {
            const whole = yield* referenceAt(`${name} at ${point.name}`, reference, point.set)
            const { training, until, steps, told, goesOn } = yield* atRung(whole, rung, rungs)
            const trials = yield* underSeeds((start, seed, ofSeed, i) =>
              Effect.flatMap(
                frozenReference(training, shared, start, seed, { until, continues: goesOn ? shorter[i] : undefined }),
                (trained) => trial(name, point, `${told}${ofSeed}`, trained!.stage), // A trained reference is a stage.
              ),
            )
            return { trials, ...(steps !== undefined && { steps }) }
          }),
        ),
      ),
      searching,
    )
    const settingsOf = new Map(references.map(({ key }, i) => [key, chosenReferences[i]!.chosen]))
    const compared = (arm: ResolvedArm) =>
      Effect.gen(function* () {
        const { reference } = arm
        const set = reference && settingsOf.get(canonicalJson(yield* plainSpec(reference)))
        return set === undefined
          ? arm
          : { ...arm, reference: yield* referenceAt(`the reference of ${arm.name}`, reference!, set) }
      })

    const chosenArms = new Map<string, Searched>()
    for (const level of levelsOf(resolved.arms)) {
      const arms = yield* begun(yield* Effect.forEach(level, compared))
      const chosen = yield* runSearches(
        arms.map((arm) =>
          candidates(arm.name, arm, ofArms, (point, rung, rungs, shorter) =>
            Effect.gen(function* () {
              const whole = yield* withNumber(yield* armAt(`${arm.name} at ${point.name}`, arm, point.set, resolved))
              const { training, until, steps, told, goesOn } = yield* atRung(whole, rung, rungs)
              const tried = { ...training, name: `${arm.name} at ${point.name}${told}` }
              const trials = yield* underSeeds((start, seed, ofSeed, i) => {
                const cut = { until, continues: goesOn ? shorter[i] : undefined }
                return Effect.flatMap(cellStages(tried, shared, start, seed, settled, cut), ({ trained, head }) =>
                  trial(arm.name, point, `${told}${ofSeed}`, trained, head),
                )
              })
              return { trials, ...(steps !== undefined && { steps }) }
            }),
          ),
        ),
        searching,
      )
      for (const [i, arm] of arms.entries()) {
        chosenArms.set(arm.name, chosen[i]!)
        settled.set(arm.name, yield* withNumber(yield* armAt(arm.name, arm, chosen[i]!.chosen, resolved)))
      }
    }
    const all = [...chosenReferences, ...resolved.arms.map(({ name }) => chosenArms.get(name)!)]
    return {
      ...resolved,
      arms: inOrder(),
      capacity: ofCapacity,
      sweep: {
        seed,
        ...(sweep.seeds && { seeds: sweep.seeds }),
        by: typeof by === "string" ? by : by.name,
        better,
        dataset,
        prompts,
        gamma: measure.gamma,
        over,
        ...(method && { method }),
        ...(budget && { budget }),
        arms: all.map(({ trials: _, ...chosen }) => chosen),
        trials: all.map(({ trials }) => trials),
      },
      choices,
    }
  })
