/** A training as a rung of a search has it: with all steps, or cut short. */
import { type FilterUse, type InvalidInput, type LossUse, type ObjectiveUse, scheduleValue } from "@winnow/core"
import { type } from "arktype"
import { Effect } from "effect"
import { plainSpec } from "../experiment/plain-json.ts"
import type { Training } from "../experiment/training-spec.ts"
import { type Rungs, stepsOf } from "./rungs.ts"

/** The settings that decide how a training is cut: an arm's, or those of a reference without filter and loss. */
interface Rising extends Pick<Training, "optimizer"> {
  readonly steps: number
  readonly filter?: FilterUse<unknown>
  readonly loss?: LossUse<unknown>
  readonly objective?: ObjectiveUse
}

/** True if a value has a number inside that changes over the steps. */
const hasSchedule = (value: unknown): boolean =>
  !(scheduleValue(value) instanceof type.errors) ||
  (typeof value === "object" && value !== null && Object.values(value).some(hasSchedule))

/** True if the result of a training's first steps depends on how many follow: then a shorter one is another training. */
const dependsOnSteps = ({ optimizer, filter, loss, objective }: Rising): Effect.Effect<boolean, InvalidInput> =>
  Effect.map(
    plainSpec({ filter, loss, objective }),
    (options) => optimizer.schedule !== "constant" || hasSchedule(options),
  )

/** A training at a rung of a search. */
interface AtRung<T> {
  readonly training: T
  /** Of all seeds, in their order; `continues` is of each. */
  readonly until?: number
  readonly steps?: number
  /** In a label: ", 20 of 60 steps"; empty for all steps. */
  readonly told: string
  /** True if it goes on from the rung before. */
  readonly goesOn: boolean
}

/**
 * A training as a rung of a search has it: all of it, the first part of it, or, where its steps depend on their number,
 * another training with fewer steps.
 */
export const atRung = <T extends Rising>(
  training: T,
  rung: number,
  rungs: Rungs,
): Effect.Effect<AtRung<T>, InvalidInput> =>
  Effect.gen(function* () {
    if (rungs.count === 1) return { training, told: "", goesOn: false }
    const steps = stepsOf(training.steps, rung, rungs)
    const anew = yield* dependsOnSteps(training)
    const goesOn = !anew && rung > 0 && stepsOf(training.steps, rung - 1, rungs) < steps
    if (steps === training.steps) return { training, steps, told: "", goesOn }
    const told = `, ${steps} of ${training.steps} steps`
    return anew
      ? { training: { ...training, steps }, steps, told, goesOn }
      : { training, until: steps, steps, told, goesOn }
  })
