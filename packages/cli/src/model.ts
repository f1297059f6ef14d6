/** Models that commands open. */
import { DataError, type Decoder } from "@winnow/core"
import { houseFamilies } from "@winnow/lab"
import { loadDecoder, logitsOf } from "@winnow/models"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"

/**
 * The model of a folder, freed with the scope.
 *
 * @error DataError or InvalidInput for a folder that holds no whole model
 */
export const openModel = (folder: string) =>
  Effect.flatMap(houseFamilies, (families) =>
    Effect.acquireRelease(loadDecoder(folder, families), (model) => Effect.sync(() => model.dispose())),
  )

/** Positions that are tried. */
const TRIED = 32

/**
 * Tries a model on the beginning of a text: finite weights can still give numbers that float32 does not hold.
 *
 * @error DataError that names the folder and the position
 */
export const requireFiniteLogits = (
  folder: string,
  model: Decoder,
  ids: ArrayLike<number>,
): Effect.Effect<void, DataError> =>
  Effect.suspend(() => {
    const { maxLength, vocabularySize } = model.architecture
    const given = Array.from(ids).slice(0, Math.min(TRIED, maxLength))
    const values = tf.tidy(() => logitsOf(model, tf.tensor2d([given], undefined, "int32")).dataSync())
    const wrong = values.findIndex((x) => !Number.isFinite(x))
    return wrong === -1
      ? Effect.void
      : Effect.fail(notFinite(folder, Math.floor(wrong / vocabularySize), values[wrong]!))
  })

/** The error of a logit that is no finite number. */
export const notFinite = (folder: string, position: number, found: number): DataError =>
  new DataError({
    message:
      `${folder}: a logit after position ${position} is ${found}, expected a finite number; ` +
      "the weights are finite but too large for float32 somewhere: were they damaged, or trained to diverge?",
  })
