/** The part of a model that a training stage trains, by its settings `frozen` and `adapters` (LoRA, or a private part). */
import { join } from "node:path"
import { type Architecture, type Attends, type DataError, type Encoder, InvalidInput } from "@winnow/core"
import {
  freezeParameters,
  type LoraModel,
  type PrivateModel,
  saveLora,
  saveModel,
  savePrivate,
  type TrainedPart,
  trainedArchitecture,
  trainedPart,
  withLora,
  withPrivate,
} from "@winnow/models"
import { Effect, type Scope } from "effect"
import type { Training } from "../experiment/training-spec.ts"

/** A model with the part that a stage trains. */
export type Trained = Encoder | LoraModel | PrivateModel

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
): Effect.Effect<TrainedPart, InvalidInput> => of(label, () => trainedPart(architecture, settings))

/** Runs code that refuses settings; the error begins with the stage's name. */
const of = <A>(label: string, run: () => A): Effect.Effect<A, InvalidInput> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(run())
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error
      return Effect.fail(new InvalidInput({ what: `${label}: ${error.what}`, problems: error.problems }))
    }
  })

/**
 * The architecture that a model has after a training: a private part adds parameters.
 *
 * @param label of the stage, for the error
 * @error InvalidInput for a model with another private part
 */
export const architectureAfter = (
  label: string,
  architecture: Architecture<Attends>,
  settings: PartSettings,
): Effect.Effect<Architecture<Attends>, InvalidInput> => of(label, () => trainedArchitecture(architecture, settings))

/** The model with the part to train. It is unchanged if all of it is trained; adapters are freed with the scope. */
export const trainedModel = (
  model: Encoder,
  { frozen, adapters }: PartSettings,
  seed: number,
): Effect.Effect<Trained, never, Scope.Scope> => {
  if (adapters !== undefined)
    return Effect.acquireRelease(
      Effect.sync(() =>
        adapters.kind === "lora" ? withLora(model, adapters, seed) : withPrivate(model, adapters, seed),
      ),
      ({ release }) => Effect.sync(release),
    )
  return Effect.sync(() => (frozen === undefined ? model : freezeParameters(model, frozen)))
}

/** The folder of an artifact that has the trained part alone. */
export const partFolder = "adapter"

/**
 * Saves a trained model whole, and its adapters or its private part alone in a separate folder.
 *
 * Adapters are merged in the saved model, and a private part is in it, so every later stage and every export opens it like
 * any other. The part alone is small: `peft` adds adapters to the start that they were trained on, `loadPrivate` puts a
 * private part beside its own.
 */
export const saveTrained = (model: Trained, directory: string): Effect.Effect<void, DataError | InvalidInput> => {
  const alone = () => {
    const folder = join(directory, partFolder)
    if ("lora" in model) return saveLora(model, folder)
    return "private" in model ? savePrivate(model, folder) : Effect.void
  }
  return Effect.andThen(saveModel(model, directory), Effect.suspend(alone))
}
