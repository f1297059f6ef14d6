/** The part of a model that a training stage trains, by its settings `frozen` and `adapters`. */
import { join } from "node:path"
import { type Architecture, type Attends, type DataError, type Encoder, InvalidInput } from "@winnow/core"
import {
  freezeParameters,
  type LoraModel,
  saveLora,
  saveModel,
  type TrainedPart,
  trainedPart,
  withLora,
} from "@winnow/models"
import { Effect, type Scope } from "effect"
import type { Training } from "../experiment/training-spec.ts"

/** The settings of the part alone. */
export type PartSettings = Pick<Training, "frozen" | "adapters">

/** True if only a part of the model is trained. */
export const isPartial = ({ frozen, adapters }: PartSettings): boolean => frozen !== undefined || adapters !== undefined

/**
 * The part that a stage trains.
 *
 * @param label of the stage, for the error
 * @error InvalidInput for names that the architecture does not have
 */
export const partOf = (
  label: string,
  architecture: Architecture<Attends>,
  settings: PartSettings,
): Effect.Effect<TrainedPart, InvalidInput> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(trainedPart(architecture, settings))
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error
      return Effect.fail(new InvalidInput({ what: `${label}: ${error.what}`, problems: error.problems }))
    }
  })

/** The model with the part to train. It is unchanged if all of it is trained; adapters are freed with the scope. */
export const trainedModel = (
  model: Encoder,
  { frozen, adapters }: PartSettings,
  seed: number,
): Effect.Effect<Encoder | LoraModel, never, Scope.Scope> => {
  if (adapters !== undefined)
    return Effect.acquireRelease(
      Effect.sync(() => withLora(model, adapters, seed)),
      ({ release }) => Effect.sync(release),
    )
  return Effect.sync(() => (frozen === undefined ? model : freezeParameters(model, frozen)))
}

/**
 * Saves a trained model whole, and its adapters alone in a separate folder.
 *
 * The saved model is merged, so every later stage and every export opens it like any other. The adapters are small, and
 * `peft` adds them to the start that they were trained on.
 */
export const saveTrained = (
  model: Encoder | LoraModel,
  directory: string,
): Effect.Effect<void, DataError | InvalidInput> =>
  Effect.andThen(
    saveModel(model, directory),
    "lora" in model ? saveLora(model, join(directory, "adapter")) : Effect.void,
  )
