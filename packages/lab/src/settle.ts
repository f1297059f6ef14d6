/**
 * From what an experiment asks for to what its arms are: a learning rate chosen on the validation split, steps that cost what
 * another arm costs. The outcome is a function of the experiment and of artifacts, so every process settles alike.
 */
import { type DataError, InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import { type Arm, cellStages, paidFor, type Shared, startOf } from "./cells.ts"
import { plainSpec, type Resolved, type ResolvedArm } from "./experiment/resolve.ts"
import type { Stage } from "./stage.ts"
import { rolloutsStage } from "./stages/rollouts.ts"
import { trialStage } from "./stages/trial.ts"
import { canonicalJson } from "./store/key.ts"

/** One rate that an arm, or a reference, was tried with. */
export interface Tried {
  readonly learningRate: number
  /** On the validation split; null where training stopped itself. */
  readonly greedyAcceptance: number | null
}

/** How one arm's or reference's rate was chosen. */
export interface TunedArm {
  readonly name: string
  readonly tried: ReadonlyArray<Tried>
  readonly chosen: number
  /** True if the best was the smallest or the largest that was tried: a better one may lie beyond. */
  readonly atEdge: boolean
}

export interface TuningRecord {
  readonly seed: number
  readonly dataset: string
  readonly prompts: number
  readonly gamma: number
  readonly learningRates: ReadonlyArray<number>
  readonly arms: ReadonlyArray<TunedArm>
}

/** An experiment of which every number is known. */
export interface Settled extends Omit<Resolved, "arms" | "capacity" | "tuning"> {
  readonly arms: ReadonlyArray<Arm>
  readonly capacity: Arm | undefined
  readonly tuning: TuningRecord | null
}

/** A training that is judged by the acceptance of its draft on the validation split. */
export interface Trial {
  readonly name: string
  readonly learningRate: number
  readonly trained: Stage
  readonly judged: Stage
}

/** Greedy acceptance of each trial, null where its training stopped itself; undefined where it has not been run (plans). */
export type Judge<E = never, R = never> = (
  trials: ReadonlyArray<Trial>,
) => Effect.Effect<ReadonlyArray<number | null | undefined>, E, R>

const withRate = <T extends object>(training: T, learningRate: number): T =>
  "optimizer" in training ? { ...training, optimizer: { ...(training.optimizer as object), learningRate } } : training

/** The rate with the best acceptance, of equal ones the smallest; the middle one where nothing is known yet. */
const choose = (
  name: string,
  tried: ReadonlyArray<Tried & { readonly known: boolean }>,
): Effect.Effect<TunedArm, InvalidInput> => {
  const sorted = tried.toSorted((a, b) => a.learningRate - b.learningRate)
  // A process that only looks trials up finds none of a training that stopped itself: beside others it counts as stopped.
  let best = sorted.some(({ known }) => known) ? -1 : sorted.length >> 1
  if (best < 0)
    for (const [i, { greedyAcceptance }] of sorted.entries())
      if (greedyAcceptance !== null && (best < 0 || greedyAcceptance > sorted[best]!.greedyAcceptance!)) best = i
  if (best < 0) {
    const problems = [
      `training stopped itself at every rate, ${sorted.map((t) => t.learningRate).join(", ")}: add lower ones`,
    ]
    return Effect.fail(new InvalidInput({ what: `tuning of ${name}`, problems }))
  }
  return Effect.succeed({
    name,
    tried: sorted.map(({ learningRate, greedyAcceptance }) => ({ learningRate, greedyAcceptance })),
    chosen: sorted[best]!.learningRate,
    atEdge: best === 0 || best === sorted.length - 1,
  })
}

/** Arms with a number of steps: those that cost what another costs get as many as that pays for. */
const withSteps = (
  resolved: Resolved,
  shared: Shared,
  arms: ReadonlyArray<ResolvedArm>,
): Effect.Effect<ReadonlyArray<Arm>, InvalidInput | DataError> =>
  Effect.gen(function* () {
    const [seed] = resolved.seeds as readonly [number]
    const start = yield* startOf(resolved, shared, seed)
    const byName = new Map(arms.map((arm) => [arm.name, arm as Arm])) // those that arms begin with have a number of steps
    const costOf = (arm: Arm) =>
      Effect.map(cellStages(arm, shared, start, seed, byName), ({ trained }) => {
        const flops = (stages: ReadonlyArray<Stage>) => stages.reduce((sum, { work }) => sum + (work.flops ?? 0), 0)
        return { steps: flops([trained]), all: flops(paidFor(trained)) }
      })
    const settled: Array<Arm> = []
    for (const { config: _, ...arm } of arms) {
      const { steps } = arm
      if (typeof steps === "number") {
        settled.push({ ...arm, steps })
        continue
      }
      const other = arms.find(({ name }) => name === steps.computeOf)!
      const { all } = yield* costOf(other as Arm) // `resolve` has seen that its steps are a number
      const thousand = yield* costOf({ ...arm, steps: 1000 })
      const left = all - (thousand.all - thousand.steps)
      if (!(left > 0)) {
        const problems = [`its reference and caches cost more than all of ${other.name}: no steps are left for it`]
        return yield* new InvalidInput({ what: `arm ${arm.name}`, problems })
      }
      settled.push({ ...arm, steps: Math.max(1, Math.round((1000 * left) / thousand.steps)) })
    }
    return settled
  })

/** The arms that train references, one for each reference that differs, under the names that trials have. */
const referencesOf = (arms: ReadonlyArray<Arm>) =>
  Effect.gen(function* () {
    const found = new Map<string, NonNullable<Arm["reference"]>>()
    for (const { reference } of arms)
      if (reference?.kind === "distilled" || reference?.kind === "trained")
        found.set(canonicalJson(yield* plainSpec(reference)), reference)
    return [...found].map(([key, reference], i) => ({ key, reference, name: `reference${i === 0 ? "" : ` ${i + 1}`}` }))
  })

/**
 * Settles an experiment.
 *
 * References are tried first, then the arms, against the reference at its chosen rate.
 *
 * @param judge runs trials, or looks up what is known of them
 */
export const settle = <E, R>(
  resolved: Resolved,
  shared: Shared,
  judge: Judge<E, R>,
): Effect.Effect<Settled, InvalidInput | DataError | E, R> =>
  Effect.gen(function* () {
    const { tuning, measure, task, capacity } = resolved
    const arms = yield* withSteps(resolved, shared, resolved.arms)
    const ofCapacity = capacity && (yield* withSteps(resolved, shared, [capacity]))[0]
    if (tuning === undefined) return { ...resolved, arms, capacity: ofCapacity, tuning: null }

    const { learningRates, seed, prompts } = tuning
    const start = yield* startOf(resolved, shared, seed)
    const validation = { ...measure, split: "validation", prompts } as const
    const rollouts = rolloutsStage(validation, "greedy", shared)
    const trialOf = (name: string, learningRate: number, trained: Stage): Trial => ({
      name,
      learningRate,
      trained,
      judged: trialStage({
        label: `try ${name}, rate ${learningRate}`,
        draft: trained,
        rollouts,
        gamma: measure.gamma,
      }),
    })
    const tune = (all: ReadonlyArray<ReadonlyArray<Trial>>) =>
      Effect.gen(function* () {
        const acceptance = yield* judge(all.flat())
        let at = 0
        return yield* Effect.forEach(all, (trials) =>
          choose(
            trials[0]!.name,
            trials.map(({ learningRate }) => {
              const found = acceptance[at++]
              return { learningRate, greedyAcceptance: found ?? null, known: found !== undefined }
            }),
          ),
        )
      })
    const references = yield* referencesOf(arms)
    const tunedReferences = yield* tune(
      yield* Effect.forEach(references, ({ name, reference }) =>
        Effect.forEach(learningRates, (rate) =>
          Effect.map(
            // an arm that begins with the reference would train it: its reference is that stage
            cellStages(
              {
                ...arms[0]!,
                name,
                start: { kind: "draft" },
                reference: withRate(reference, rate),
                filterNeedsReference: false,
              },
              shared,
              start,
              seed,
            ),
            (cell) => trialOf(name, rate, cell.reference!),
          ),
        ),
      ),
    )
    const rateOf = new Map(references.map(({ key }, i) => [key, tunedReferences[i]!.chosen]))
    const compared: ReadonlyArray<Arm> = yield* Effect.forEach(arms, (arm) =>
      Effect.gen(function* () {
        const { reference } = arm
        const rate = reference && rateOf.get(canonicalJson(yield* plainSpec(reference)))
        return rate === undefined ? arm : { ...arm, reference: withRate(reference!, rate) }
      }),
    )
    const tunedArms = yield* tune(
      yield* Effect.forEach(compared, (arm) =>
        Effect.forEach(learningRates, (rate) =>
          Effect.map(
            cellStages({ ...withRate(arm, rate), name: `${arm.name} at rate ${rate}` }, shared, start, seed),
            ({ trained }) => trialOf(arm.name, rate, trained),
          ),
        ),
      ),
    )
    return {
      ...resolved,
      arms: compared.map((arm, i) => withRate(arm, tunedArms[i]!.chosen)),
      capacity: ofCapacity,
      tuning: {
        seed,
        dataset: `${task.name}/validation`,
        prompts,
        gamma: measure.gamma,
        learningRates: learningRates.toSorted((a, b) => a - b),
        arms: [...tunedReferences, ...tunedArms],
      },
    }
  })
