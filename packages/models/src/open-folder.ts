/** A model folder whose config.json and tensors agree with each other. */
import { join } from "node:path"
import { type Architecture, type Attends, DataError, type Family, type HeadIds } from "@winnow/core"
import { architectureFromConfig } from "./config.ts"
import { readJson, requireFolder } from "./folder.ts"
import { headIdNames, readHeadIds } from "./head-ids-files.ts"
import { weightsOfFolder } from "./private-folder.ts"
import { openSafetensors, type SafetensorsFile } from "./safetensors.ts"
import { isEightBits, isReadable, readDtypes } from "./safetensors-header.ts"
import { type Scaling, scalingOf, withScales } from "./scaled-weights.ts"
import { isRecord } from "./shown.ts"
import { tensorsOf } from "./stored.ts"
import { type NamedWeights, nameWeights, weightProblems } from "./weight-names.ts"

/** The open files of a folder. */
interface Weights {
  /** The file of each tensor, by the tensor's name there. */
  readonly fileOf: ReadonlyMap<string, SafetensorsFile>
  /** The tensors in 8 bits that are read with scales. */
  readonly scaled: ReadonlySet<string>
  readonly close: () => void
}

/** Opens all files of weights. @error DataError for a tensor of two shards that the index assigns to neither */
const openWeights = (dir: string, scaling: Scaling | undefined): Weights => {
  const { files, index } = weightsOfFolder(dir)
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
    return {
      ...(scaling === undefined ? { fileOf, scaled: new Set<string>() } : withScales(dir, fileOf, scaling)),
      close,
    }
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
export interface OpenFolder extends Weights {
  /** Its config.json. */
  readonly config: Readonly<Record<string, unknown>>
  readonly architecture: Architecture<Attends>
  /** The tensor of each parameter in the files, and each further tensor of a parameter. */
  readonly tensorOf: ReadonlyMap<string, string>
  /** The ids of a head that predicts some of them only. */
  readonly headIds: HeadIds | undefined
  /** Tensors that no computation here reads. */
  readonly beside: ReadonlyArray<string>
}

/** The problems of the tensors of a folder, unreadable tensors included. */
const problemsOf = (
  architecture: Architecture<Attends>,
  named: NamedWeights,
  { fileOf, scaled }: Weights,
): ReadonlyArray<string> => {
  const entryOf = (name: string) => fileOf.get(name)!.tensors.get(name)!
  if (named.layers > 0 && named.layers < architecture.layers)
    return [`config.json has num_hidden_layers ${architecture.layers}, the weights have ${named.layers} layers`]
  const problems = weightProblems(architecture, named, (name) => entryOf(name).shape)
  if (problems.length > 0) return problems
  return [...named.byParameter.values()].flatMap((name) => {
    const { dtype } = entryOf(name)
    if (isEightBits(dtype) && !scaled.has(name))
      return [
        `${name} has dtype ${dtype} and no scale that config.json names (quantization_config of quant_method "fp8", ${name}_scale_inv beside it): save it in ${readDtypes.join(", ")}`,
      ]
    return isReadable(dtype)
      ? []
      : [`${name} has dtype ${dtype}; ${readDtypes.join(", ")} are read: save it in one of them`]
  })
}

/** The parts of a folder that are opened. */
export interface FolderOptions {
  /** Rows of the vocabulary that are read, the first ones; all if left out, or where there are no more. */
  readonly rows?: number | undefined
}

/** The same architecture with fewer rows of the vocabulary; their tensors are read no further. */
const withFewerRows = (
  full: Architecture<Attends>,
  rows: number,
  dir: string,
  file: (tensor: string) => SafetensorsFile,
  tensorOf: ReadonlyMap<string, string>,
): Architecture<Attends> => {
  const family = full.family! // `architectureFromConfig` sets it
  const cut = architectureFromConfig([family], { ...full.config, vocab_size: rows }, join(dir, "config.json"))
  for (const parameter of full.parameters.keys()) {
    const before = tensorsOf(full, parameter)
    for (const [i, { name, shape }] of tensorsOf(cut, parameter).entries())
      if (shape[0] !== before[i]!.shape[0]) file(tensorOf.get(name)!).keepRows(tensorOf.get(name)!, shape[0]!)
  }
  return cut
}

/**
 * Opens a folder; the caller closes it.
 *
 * @error InvalidInput, DataError (thrown) as `readArchitecture`
 */
export const openFolder = (
  dir: string,
  families: ReadonlyArray<Family>,
  { rows = Number.POSITIVE_INFINITY }: FolderOptions = {},
): OpenFolder => {
  requireFolder(dir)
  const configFile = join(dir, "config.json")
  const whole = readJson(configFile)
  const { config, scaling } = isRecord(whole)
    ? scalingOf(whole, configFile)
    : { config: whole as Readonly<Record<string, unknown>> } // the next line refuses it
  const tied = architectureFromConfig(families, config, configFile)
  const weights = openWeights(dir, scaling)
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
    const beside = architecture.headRows === undefined ? named.beside : named.beside.filter((n) => !headIdNames.has(n))
    const [first, ...others] = beside
    const all = [
      ...notes,
      ...(weights.scaled.size === 0
        ? []
        : [
            `${dir}: ${weights.scaled.size} weights in 8 bits are multiplied by their scales; activations are not rounded to 8 bits, as kernels for fp8 do`,
          ]),
      ...(untie
        ? [
            `${dir}: tie_word_embeddings is true, but ${head} is another matrix than the embedding: both are used, as in transformers 5`,
          ]
        : []),
      ...(first === undefined
        ? []
        : [
            `${dir}: ${first}${others.length > 0 ? ` and ${others.length} more tensor${others.length > 1 ? "s" : ""}` : ""} beside the model: not read`,
          ]),
    ]
    const tensorOf = new Map(
      [...architecture.parameters.keys()].flatMap((parameter) =>
        tensorsOf(architecture, parameter).map(({ name }) => [name, named.byParameter.get(name) ?? head!] as const),
      ),
    )
    const read =
      rows < architecture.vocabularySize
        ? withFewerRows(architecture, rows, dir, (tensor) => weights.fileOf.get(tensor)!, tensorOf)
        : architecture
    return {
      ...weights,
      config,
      tensorOf,
      headIds: readHeadIds(dir, weights.fileOf, architecture, read.vocabularySize),
      beside,
      architecture: all.length === 0 ? read : { ...read, notes: all },
    }
  } catch (error) {
    weights.close()
    throw error
  }
}
