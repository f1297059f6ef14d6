/** Models that commands open. */
import { resolve } from "node:path"
import { DataError, type Decoder, type Encoder, headRowsOf, type InvalidInput } from "@winnow/core"
import { isHubReference, localFolder, pinnedReference } from "@winnow/hub"
import { Families, familiesOf, knownFamilies, loadPlugins } from "@winnow/lab/outside"
import { type DecoderOptions, type DecodingPrecision, loadDecoder, loadModel, logitsOf } from "@winnow/models"
import { type Precision, tf } from "@winnow/tensor"
import { Effect } from "effect"
import { Flag } from "effect/cli"

/** Help on an argument that names a model. */
export const aModel =
  "a model in Hugging Face layout: a folder with config.json and model.safetensors, or hf:owner/name"

/** A model that the user named. */
export interface NamedFolder {
  readonly folder: string
  /** The reference of a downloaded model, with its commit; null for a folder. */
  readonly reference: string | null
}

/**
 * The folder of a text from the command line: a path, or a reference to a repository of a hub, which is downloaded.
 *
 * @error InvalidInput, DataError as `fetchReference`
 */
export const namedFolder = (text: string): Effect.Effect<NamedFolder, DataError | InvalidInput> =>
  Effect.gen(function* () {
    if (!isHubReference(text)) return { folder: resolve(text), reference: null }
    const reference = yield* pinnedReference(text)
    return { folder: yield* localFolder(reference), reference }
  })

/** `--plugin` of commands that open model folders. */
export const familyFlag = Flag.String("plugin").pipe(
  Flag.atLeast(0),
  Flag.withMetavar("path|package"),
  Flag.withDescription("a file, folder or package with a family of models, beside those of this checkout; repeatable"),
)

/**
 * Runs a command that can also read models of the families that these texts name. @error InvalidInput as `loadPlugins`
 */
export const withFamilies = <A, E, R>(
  plugins: ReadonlyArray<string>,
  command: Effect.Effect<A, E, R>,
): Effect.Effect<A, E | InvalidInput, R> =>
  Effect.flatMap(loadPlugins(plugins), (loaded) =>
    Effect.provideService(command, Families, familiesOf(undefined, loaded.plugins)),
  )

const freed = <M extends Encoder, E>(load: Effect.Effect<M, E>) =>
  Effect.acquireRelease(load, (model) => Effect.sync(() => model.dispose()))

/**
 * The model of a folder, freed with the scope.
 *
 * @error DataError or InvalidInput for a folder without a whole model
 */
export const openModel = (folder: string) =>
  Effect.flatMap(knownFamilies, (families) => freed(loadModel(folder, families)))

/**
 * The decoder of a folder, freed with the scope.
 *
 * @param options rows of the vocabulary that are read, the first ones, all if left out; precision
 * @error as `openModel`; InvalidInput for an encoder, and for weights in 8 bits without native code
 */
export const openDecoder = (folder: string, options: DecoderOptions = {}) =>
  Effect.flatMap(knownFamilies, (families) => freed(loadDecoder(folder, families, options)))

/** The values of `--precision`. */
export const decodingPrecisions = ["float32", "bfloat16", "q8"] as const

/** `--precision` of commands that decode, and `--draft-precision`. */
export const precisionFlags = {
  precision: Flag.Literals("precision", decodingPrecisions).pipe(
    Flag.withDefault("float32" as const),
    Flag.withDescription("of native products; q8: weights in 8 bits by blocks, another target with texts of its own"),
  ),
  draftPrecision: Flag.Literals("draft-precision", decodingPrecisions).pipe(
    Flag.optional,
    Flag.withDescription("of the draft; the target's if left out"),
  ),
}

/** Products of what is computed beside decoding: those of weights in 8 bits are in float32, of the rounded numbers. */
export const productsOf = (precision: DecodingPrecision): Precision => (precision === "q8" ? "float32" : precision)

/** Number of positions in the trial. */
const TRIED = 32

/** Logits of every position of a short text, by decoding where it is native: a pass over tensors takes more memory. */
const trialOf = (model: Encoder | Decoder, ids: Int32Array): Float32Array => {
  const T = ids.length
  const decoding = "decoding" in model ? model.decoding() : undefined
  try {
    const logits = decoding?.quick?.logits(ids, 1, T)
    if (logits === undefined)
      return tf.tidy(() => logitsOf(model, tf.tensor2d(ids, [1, T], "int32")).dataSync() as Float32Array)
    const U = headRowsOf(model.architecture)
    const values = new Float32Array(T * U)
    for (let t = 0; t < T; t++) values.set(logits.row(t), t * U)
    return values
  } finally {
    decoding?.dispose()
  }
}

/**
 * Tries a model on the beginning of a text: finite weights can still give numbers beyond float32.
 *
 * @error DataError that names the folder and the position
 */
export const requireFiniteLogits = (
  folder: string,
  model: Encoder,
  ids: ArrayLike<number>,
): Effect.Effect<void, DataError> =>
  Effect.suspend(() => {
    const { maxLength } = model.architecture
    const sample = Int32Array.from(Array.from(ids).slice(0, Math.min(TRIED, maxLength)))
    const values = trialOf(model, sample)
    const wrong = values.findIndex((x) => !Number.isFinite(x))
    return wrong === -1
      ? Effect.void
      : Effect.fail(notFinite(folder, Math.floor(wrong / headRowsOf(model.architecture)), values[wrong]!))
  })

/** The error for a logit that is not finite. */
export const notFinite = (folder: string, position: number, found: number): DataError =>
  new DataError({
    message:
      `${folder}: a logit after position ${position} is ${found}, expected a finite number; ` +
      "the weights are finite but too large for float32 somewhere: were they damaged, or trained to diverge?",
  })
