/** The number of processes that share a training, against the micro-batches of its steps. */
import { InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import { type Trainings, trainingsOf } from "../experiment/places.ts"

/**
 * Refuses a number of processes that no training can use.
 *
 * @returns a note that names the trainings that use fewer
 * @error InvalidInput if every training has one micro-batch a step
 */
export const checkDevices = (resolved: Trainings, devices = 1): Effect.Effect<ReadonlyArray<string>, InvalidInput> =>
  Effect.gen(function* () {
    const trainings = trainingsOf(resolved).map(({ at, training: { microBatches } }) => ({ at, microBatches }))
    const most = Math.max(0, ...trainings.map(({ microBatches }) => microBatches))
    if (devices === 1 || most === 0) return []
    if (most === 1) {
      const [{ at }] = trainings as [(typeof trainings)[0]]
      const problems = [
        "each process takes whole micro-batches, and every training has one a step; " +
          `set more, such as --set ${at}.microBatches=${devices} with a smaller batchSize, or leave out --devices`,
      ]
      return yield* new InvalidInput({ what: `--devices ${devices}`, problems })
    }
    const fewer = trainings.filter(({ microBatches }) => microBatches < devices)
    if (fewer.length === 0) return []
    const list = fewer.map(({ at, microBatches }) => `${at} (${microBatches})`).join(", ")
    return [`fewer micro-batches than --devices ${devices}, so fewer processes: ${list}`]
  })
