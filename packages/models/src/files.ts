/** Model directories in the Hugging Face layout: config.json beside model.safetensors, whole or in shards. */
import { join } from "node:path"
import {
  type Architecture,
  type Attends,
  DataError,
  type Decoder,
  decoderArchitecture,
  type Encoder,
  type Family,
  type HeadIds,
  type InvalidInput,
  type ModelOf,
  type Stored,
} from "@winnow/core"
import { writeWhole } from "@winnow/files"
import { type Elements, fillTensor, Halves, type tf } from "@winnow/tensor"
import type { Effect } from "effect"
import { attempt, withDataErrors } from "./data-errors.ts"
import { nonFiniteProblem } from "./finite.ts"
import { parametersOf, staysHalf } from "./half-parameters.ts"
import { headIdTensors } from "./head-ids-files.ts"
import { makeModel, ownVariable } from "./model.ts"
import { type FolderOptions, openFolder } from "./open-folder.ts"
import { type SafetensorsFile, writeSafetensors } from "./safetensors.ts"
import { tensorsOf } from "./stored.ts"

/** Reads a tensor into the memory of its parameter, from the form that the file holds it in. */
const readTensor = (file: SafetensorsFile, tensor: string, form: Stored | undefined, into: Float32Array): void => {
  if (form === undefined) file.readInto(tensor, into)
  else form.read(file.read(tensor), into)
}

/** A weight that stays in bfloat16: mapped where the system can, else read. @error DataError for a value that is not finite */
const readHalves = (
  dir: string,
  file: SafetensorsFile,
  tensor: string,
  name: string,
  shape: ReadonlyArray<number>,
): Halves => {
  const halves =
    Halves.map(name, shape, file.placeOf(tensor)) ??
    Halves.fill(name, shape, ({ buffer }) => file.readBytes(tensor, new Uint8Array(buffer)))
  if (halves.firstNonFinite() === -1) return halves
  halves.dispose()
  const problem = nonFiniteProblem(tensor, shape, file.read(tensor)) // with count and first place of the faults
  throw new DataError({ message: `${dir}: ${problem}` })
}

/** Reads a folder; before any weight is read, `accept` throws for an architecture that the caller does not take. */
const load = <A extends Attends>(
  dir: string,
  families: ReadonlyArray<Family>,
  accept: (architecture: Architecture<Attends>) => Architecture<A>,
  options: FolderOptions = {},
): ModelOf<A> => {
  const { architecture: found, headIds, tensorOf, fileOf, close } = openFolder(dir, families, options)
  const parameters = new Map<string, tf.Variable | Halves>()
  try {
    const architecture = accept(found)
    for (const [name, { shape }] of architecture.parameters) {
      const tensor = tensorOf.get(name)!
      if (staysHalf(architecture, name, fileOf.get(tensor)!.tensors.get(tensor)!.dtype)) {
        parameters.set(name, readHalves(dir, fileOf.get(tensor)!, tensor, name, shape))
        continue
      }
      const fill = (values: Elements) => {
        for (const { name: part, form } of tensorsOf(architecture, name)) {
          const tensor = tensorOf.get(part)!
          readTensor(fileOf.get(tensor)!, tensor, form, values as Float32Array)
        }
        const problem = nonFiniteProblem(tensorOf.get(name)!, shape, values as Float32Array)
        if (problem !== undefined) throw new DataError({ message: `${dir}: ${problem}` })
      }
      parameters.set(
        name,
        ownVariable(() => fillTensor(shape, "float32", fill)),
      )
    }
    return makeModel(architecture, parametersOf(parameters), headIds)
  } catch (error) {
    for (const weight of parameters.values()) weight.dispose()
    throw error
  } finally {
    close()
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
  withDataErrors(() =>
    writeWhole(join(dir, "config.json"), `${JSON.stringify({ ...architecture.config, ...extra }, null, 2)}\n`),
  )
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
 * @error as `loadModel`; InvalidInput, before any weight is read, for a model with bidirectional attention
 */
export const loadDecoder = (
  dir: string,
  families: ReadonlyArray<Family>,
  options: FolderOptions = {},
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
