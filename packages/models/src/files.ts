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
  type InvalidInput,
  type ModelOf,
  type Stored,
} from "@winnow/core"
import { writeWhole } from "@winnow/files"
import { type Elements, fillTensor, tf } from "@winnow/tensor"
import type { Effect } from "effect"
import { architectureFromConfig } from "./config.ts"
import { attempt, withDataErrors } from "./data-errors.ts"
import { nonFiniteProblem } from "./finite.ts"
import { readJson, requireFolder, weightFiles } from "./folder.ts"
import { makeModel, ownVariable } from "./model.ts"
import { openSafetensors, type SafetensorsFile, writeSafetensors } from "./safetensors.ts"
import { isReadable, readDtypes } from "./safetensors-header.ts"
import { type NamedWeights, nameWeights, weightProblems } from "./weight-names.ts"

/** The open files of a folder. */
interface Weights {
  /** The file of each tensor, by the tensor's name there. */
  readonly fileOf: ReadonlyMap<string, SafetensorsFile>
  readonly close: () => void
}

/** Opens all files of weights. @error DataError for a tensor that two shards have and the index does not settle */
const openWeights = (dir: string): Weights => {
  const { files, index } = weightFiles(dir)
  const opened: Array<SafetensorsFile> = []
  const close = () => {
    for (const file of opened) file.close()
  }
  try {
    const fileOf = new Map<string, SafetensorsFile>()
    const from = new Map<string, string>()
    for (const path of files) {
      const file = openSafetensors(path)
      opened.push(file)
      for (const name of file.tensors.keys()) {
        const before = from.get(name)
        if (before !== undefined && index?.get(name) !== path && index?.get(name) !== before)
          throw new DataError({ message: `${dir}: tensor ${name} is in ${before} and in ${path}; remove one of them` })
        if (before !== undefined && index?.get(name) === before) continue
        fileOf.set(name, file)
        from.set(name, path)
      }
    }
    return { fileOf, close }
  } catch (error) {
    close()
    throw error
  }
}

/** A list of problems in one line, the first eight of them. */
const listed = (problems: ReadonlyArray<string>): string => {
  const rest = problems.length - 8
  return `${problems.slice(0, 8).join("; ")}${rest > 0 ? `; and ${rest} more` : ""}`
}

/** True if a tied head's copy in the file is another matrix than the embedding: transformers 5 does not tie them. */
const headDiffers = ({ fileOf }: Weights, embed: string, head: string): boolean => {
  const [a, b] = [fileOf.get(embed)!.read(embed), fileOf.get(head)!.read(head)]
  return a.some((x, i) => x !== b[i])
}

/** A folder whose files agree with each other, open. */
interface OpenFolder extends Weights {
  readonly architecture: Architecture<Attends>
  /** The tensor in the files that each parameter is. */
  readonly tensorOf: ReadonlyMap<string, string>
}

/** The problems of the tensors of a folder, those that cannot be read included. */
const problemsOf = (
  architecture: Architecture<Attends>,
  named: NamedWeights,
  { fileOf }: Weights,
): ReadonlyArray<string> => {
  const entryOf = (name: string) => fileOf.get(name)!.tensors.get(name)!
  if (named.layers > 0 && named.layers < architecture.layers)
    return [`config.json has num_hidden_layers ${architecture.layers}, the weights have ${named.layers} layers`]
  const problems = weightProblems(architecture, named, (name) => entryOf(name).shape)
  if (problems.length > 0) return problems
  return [...named.byParameter.values()].flatMap((name) => {
    const { dtype } = entryOf(name)
    return isReadable(dtype)
      ? []
      : [`${name} has dtype ${dtype}; ${readDtypes.join(", ")} are read: save it in one of them`]
  })
}

const openFolder = (dir: string, families: ReadonlyArray<Family>): OpenFolder => {
  requireFolder(dir)
  const configFile = join(dir, "config.json")
  const config = readJson(configFile) as Readonly<Record<string, unknown>>
  const tied = architectureFromConfig(families, config, configFile)
  const weights = openWeights(dir)
  try {
    // `architectureFromConfig` found the family in the list
    const named = nameWeights(tied.family!.names, weights.fileOf.keys())
    const problems = problemsOf(tied, named, weights)
    if (problems.length > 0) throw new DataError({ message: `${dir}: ${listed(problems)}` })
    const [embed, head] = [named.byParameter.get(named.embed), named.byParameter.get(named.head)]
    const untie =
      tied.head === named.embed && embed !== undefined && head !== undefined && headDiffers(weights, embed, head)
    const { notes = [], ...architecture } = untie
      ? architectureFromConfig(families, { ...config, tie_word_embeddings: false }, configFile)
      : tied
    const [first, ...others] = named.beside
    const all = [
      ...notes,
      ...(untie
        ? [
            `${dir}: tie_word_embeddings is true, but ${head} is another matrix than the embedding: both are used, as in transformers 5`,
          ]
        : []),
      ...(first === undefined
        ? []
        : [
            `${dir}: ${first}${others.length > 0 ? ` and ${others.length} more tensors` : ""} beside the model: not read`,
          ]),
    ]
    const tensorOf = new Map(
      [...architecture.parameters.keys()].map((name) => [name, named.byParameter.get(name) ?? head!] as const),
    )
    return { ...weights, tensorOf, architecture: all.length === 0 ? architecture : { ...architecture, notes: all } }
  } catch (error) {
    weights.close()
    throw error
  }
}

/** Reads a tensor into the memory of its parameter, from the form that the file holds it in. */
const readParameter = (file: SafetensorsFile, tensor: string, stored: Stored | undefined, into: Float32Array): void => {
  if (stored === undefined) file.readInto(tensor, into)
  else stored.read(file.read(tensor), into)
}

/** Reads a folder; `accept` throws where its architecture is not the one that is wanted, before any weight is read. */
const load = <A extends Attends>(
  dir: string,
  families: ReadonlyArray<Family>,
  accept: (architecture: Architecture<Attends>) => Architecture<A>,
): ModelOf<A> => {
  const { architecture: found, tensorOf, fileOf, close } = openFolder(dir, families)
  const parameters = new Map<string, tf.Variable>()
  try {
    const architecture = accept(found)
    for (const [name, { shape }] of architecture.parameters) {
      const tensor = tensorOf.get(name)!
      const fill = (values: Elements) => {
        readParameter(fileOf.get(tensor)!, tensor, architecture.stored?.get(name), values as Float32Array)
        const problem = nonFiniteProblem(tensor, shape, values as Float32Array)
        if (problem !== undefined) throw new DataError({ message: `${dir}: ${problem}` })
      }
      parameters.set(
        name,
        ownVariable(() => fillTensor(shape, "float32", fill)),
      )
    }
    return makeModel(architecture, parameters)
  } catch (error) {
    tf.dispose([...parameters.values()])
    throw error
  } finally {
    close()
  }
}

const save = (model: Encoder, dir: string, extra: Readonly<Record<string, unknown>>): void => {
  const { architecture, parameters } = model
  writeSafetensors(
    join(dir, "model.safetensors"),
    [...architecture.parameters].map(([name, { shape }]) => {
      const stored = architecture.stored?.get(name)
      const values = () => parameters.get(name)!.dataSync() as Float32Array
      return { name, shape: stored?.shape ?? shape, data: () => stored?.write(values()) ?? values() }
    }),
  )
  // Last, as its presence says that the directory is whole.
  withDataErrors(() =>
    writeWhole(join(dir, "config.json"), `${JSON.stringify({ ...architecture.config, ...extra }, null, 2)}\n`),
  )
}

/**
 * The architecture of a model directory, its config.json held against the tensors of its files, which are not read but
 * for a second head beside tied embeddings.
 *
 * @error as `loadModel`, but for values
 */
export const readArchitecture = (
  dir: string,
  families: ReadonlyArray<Family>,
): Effect.Effect<Architecture<Attends>, DataError | InvalidInput> =>
  attempt(() => {
    const { architecture, close } = openFolder(dir, families)
    close()
    return architecture
  })

/**
 * Reads a model directory; F16, BF16 and F64 weights become float32. `architecture.notes` says what of it was left aside.
 * The caller disposes of the model.
 *
 * @param families those that the folder may be of, such as `[llama, gpt2]`
 * @error InvalidInput if config.json describes what is not computed here
 * @error DataError if the folder is another thing, a file is missing or damaged, its tensors are not those of config.json,
 *   or a weight is not finite
 */
export const loadModel = (
  dir: string,
  families: ReadonlyArray<Family>,
): Effect.Effect<Encoder, DataError | InvalidInput> => attempt(() => load(dir, families, (any) => any))

/**
 * Reads a model directory that must hold a decoder.
 *
 * @error as `loadModel`; InvalidInput, before any weight is read, for a model that attends both ways
 */
export const loadDecoder = (
  dir: string,
  families: ReadonlyArray<Family>,
): Effect.Effect<Decoder, DataError | InvalidInput> =>
  attempt(() => load(dir, families, (architecture) => decoderArchitecture(architecture, dir)))

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
