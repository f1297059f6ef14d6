/** Model directories in the Hugging Face layout: config.json beside model.safetensors, whole or in shards. */
import { join } from "node:path"
import {
  type Architecture,
  type Attends,
  type DataError,
  type Decoder,
  decoderArchitecture,
  type Encoder,
  type Family,
  type HeadIds,
  type InvalidInput,
  type ModelOf,
} from "@winnow/core"
import { writeWhole } from "@winnow/files"
import type { NativeWeight, tf } from "@winnow/tensor"
import type { Effect } from "effect"
import { configText } from "./config-text.ts"
import { attempt, withDataErrors } from "./data-errors.ts"
import { headIdTensors } from "./head-ids-files.ts"
import { type DecodingPrecision, makeModel } from "./model.ts"
import { parametersOf } from "./native-parameters.ts"
import { type FolderOptions, openFolder } from "./open-folder.ts"
import { readWeights } from "./read-weights.ts"
import { writeSafetensors } from "./safetensors.ts"
import { tensorsOf } from "./stored.ts"

/** Options of loading a decoder. */
export interface DecoderOptions extends FolderOptions {
  /**
   * The precision of decoding, for a model that is only decoded; the process's (`setPrecision`) if left out. Weights lie in
   * native memory, in the form that decoding reads: for bfloat16 all matrices but embedding and head are rounded while they
   * are read, for q8 all matrices are (`Blocks`).
   */
  readonly precision?: DecodingPrecision | undefined
}

/** Reads a folder; before any weight is read, `accept` throws for an architecture that the caller does not take. */
const load = <A extends Attends>(
  dir: string,
  families: ReadonlyArray<Family>,
  accept: (architecture: Architecture<Attends>) => Architecture<A>,
  { precision, ...options }: DecoderOptions = {},
): ModelOf<A> => {
  const opened = openFolder(dir, families, options)
  const parameters = new Map<string, tf.Variable | NativeWeight>()
  try {
    const architecture = accept(opened.architecture)
    for (const [name, weight] of readWeights(dir, architecture, opened, precision)) parameters.set(name, weight)
    return makeModel(architecture, parametersOf(parameters), opened.headIds, precision)
  } catch (error) {
    for (const weight of parameters.values()) weight.dispose()
    throw error
  } finally {
    opened.close()
  }
}

const save = (model: Encoder, dir: string, extra: Readonly<Record<string, unknown>>): void => {
  const { architecture, parameters, headIds } = model
  const weights = [...architecture.parameters.keys()].flatMap((parameter) => {
    const values = () => parameters.get(parameter)!.dataSync() as Float32Array
    return tensorsOf(architecture, parameter).map(({ name, shape, form }) => ({
      name,
      shape,
      data: () => form?.write(values()) ?? values(),
    }))
  })
  writeSafetensors(join(dir, "model.safetensors"), [...weights, ...(headIds ? headIdTensors(headIds) : [])])
  // config.json is written last: its presence says that the directory is whole.
  withDataErrors(() => writeWhole(join(dir, "config.json"), configText({ ...architecture.config, ...extra })))
}

/**
 * The architecture of a model directory; its config.json is compared with the headers of its files. Of the tensors only a
 * second head beside tied embeddings is read.
 *
 * @error as `loadModel`, except those of values
 */
export const readArchitecture = (
  dir: string,
  families: ReadonlyArray<Family>,
  options: FolderOptions = {},
): Effect.Effect<Architecture<Attends>, DataError | InvalidInput> =>
  attempt(() => {
    const { architecture, close } = openFolder(dir, families, options)
    close()
    return architecture
  })

/**
 * The ids that the head of a model directory predicts; undefined if it predicts every id. Of the weights only these are
 * read.
 *
 * @error as `readArchitecture`
 */
export const readModelIds = (
  dir: string,
  families: ReadonlyArray<Family>,
): Effect.Effect<HeadIds | undefined, DataError | InvalidInput> =>
  attempt(() => {
    const { headIds, close } = openFolder(dir, families)
    close()
    return headIds
  })

/**
 * Reads a model directory; F16 and F64 weights become float32, and so do BF16 weights, except matrices that native decoding
 * reads: these stay in bfloat16 until a variable is asked for. `architecture.notes` names the parts that are not read.
 * The caller disposes of the model.
 *
 * @param families the families that the folder may belong to, such as `[llama, gpt2]`
 * @param options.rows number of first rows of the vocabulary that are read: the other rows must have no token
 * @error InvalidInput if config.json describes a computation that is not done here
 * @error DataError if the folder holds no model, a file is missing or damaged, its tensors are not those of config.json,
 *   or a weight is not finite
 */
export const loadModel = (
  dir: string,
  families: ReadonlyArray<Family>,
  options: FolderOptions = {},
): Effect.Effect<Encoder, DataError | InvalidInput> => attempt(() => load(dir, families, (any) => any, options))

/**
 * Reads a model directory that must hold a decoder.
 *
 * @param options.rows number of first rows of the vocabulary that are read: the other rows must have no token
 * @error as `loadModel`; InvalidInput, before any weight is read, for a model with bidirectional attention, and for weights in
 *   8 bits without native code for them
 */
export const loadDecoder = (
  dir: string,
  families: ReadonlyArray<Family>,
  options: DecoderOptions = {},
): Effect.Effect<Decoder, DataError | InvalidInput> =>
  attempt(() => load(dir, families, (architecture) => decoderArchitecture(architecture, dir), options))

/**
 * Writes config.json and model.safetensors such that `transformers` opens the directory; each file whole or not at all.
 *
 * @param extra further keys of config.json, such as `eos_token_id`
 * @error DataError if a file cannot be written
 */
export const saveModel = (
  model: Encoder,
  dir: string,
  extra: Readonly<Record<string, unknown>> = {},
): Effect.Effect<void, DataError> => attempt(() => save(model, dir, extra)) as Effect.Effect<void, DataError>
