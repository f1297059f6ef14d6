/** Model directories in the Hugging Face layout: config.json beside model.safetensors, whole or in shards. */
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { type Architecture, DataError, InvalidInput, type Model } from "@winnow/core"
import { type Elements, fillTensor, tf } from "@winnow/tensor"
import { Effect } from "effect"
import { architectureFromConfig } from "./config.ts"
import { makeModel, ownVariable } from "./model.ts"
import { openSafetensors, replaceFile, type SafetensorsFile, writeSafetensors } from "./safetensors.ts"

/** Buffers that old checkpoints carry beside their parameters; they are computed, not read. */
const computed = /\.(attention|self_attn)\.(bias|masked_bias|rotary_emb\.inv_freq)$/

const readJson = (file: string): unknown => {
  let text: string
  try {
    text = readFileSync(file, "utf8")
  } catch (error) {
    throw new DataError({ message: `${file} cannot be read: ${(error as Error).message}` })
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new DataError({ message: `${file} is not JSON: ${(error as Error).message}` })
  }
}

/** The files that hold the weights: one, or those that the index of shards names. */
const weightFiles = (dir: string): ReadonlyArray<string> => {
  const whole = join(dir, "model.safetensors")
  if (existsSync(whole)) return [whole]
  const index = join(dir, "model.safetensors.index.json")
  if (!existsSync(index))
    throw new DataError({
      message: existsSync(join(dir, "pytorch_model.bin"))
        ? `${dir} has pytorch_model.bin, which is not read: save it as safetensors (transformers: model.save_pretrained)`
        : `${dir} has neither model.safetensors nor model.safetensors.index.json`,
    })
  const map = (readJson(index) as { weight_map?: unknown } | null)?.weight_map
  const shards = typeof map === "object" && map !== null ? [...new Set(Object.values(map))] : []
  const isName = (x: unknown) => typeof x === "string" && basename(x) === x && x.endsWith(".safetensors")
  if (shards.length === 0 || !shards.every(isName))
    throw new DataError({ message: `${index}: weight_map must map names to .safetensors files beside it` })
  return shards.map((shard) => join(dir, shard as string))
}

/** Which file has each parameter. @error DataError that lists what is missing, unexpected or of another shape */
const locate = (dir: string, architecture: Architecture, files: ReadonlyArray<SafetensorsFile>) => {
  const found = new Map(
    files.flatMap((file) => [...file.tensors].map(([name, entry]) => [name, { file, entry }] as const)),
  )
  const problems: Array<string> = []
  for (const [name, { shape }] of architecture.parameters) {
    const at = found.get(name)
    if (at === undefined) problems.push(`${name} is missing`)
    else if (at.entry.shape.join() !== shape.join())
      problems.push(`${name} has shape [${at.entry.shape}], config.json makes it [${shape}]`)
  }
  const tiedHead = architecture.config["tie_word_embeddings"] === true
  for (const name of found.keys())
    if (
      !architecture.parameters.has(name) &&
      !computed.test(name) &&
      !(tiedHead && /^(embed_out|lm_head)\.weight$/.test(name))
    )
      problems.push(`${name} is not a parameter of ${architecture.type} with this config.json`)
  const [shown, rest] = [problems.slice(0, 8), problems.length - 8]
  if (problems.length > 0)
    throw new DataError({ message: `${dir}: ${shown.join("; ")}${rest > 0 ? `; and ${rest} more` : ""}` })
  return found
}

const load = (dir: string): Model => {
  if (!existsSync(dir) || !statSync(dir).isDirectory())
    throw new DataError({
      message: `${dir} is not a directory; a model is a directory with config.json and model.safetensors`,
    })
  const configFile = join(dir, "config.json")
  const architecture = architectureFromConfig(readJson(configFile), configFile)
  const files: Array<SafetensorsFile> = []
  const parameters = new Map<string, tf.Variable>()
  try {
    for (const file of weightFiles(dir)) files.push(openSafetensors(file))
    const found = locate(dir, architecture, files)
    for (const [name, { shape }] of architecture.parameters) {
      const fill = (values: Elements) => found.get(name)!.file.readInto(name, values as Float32Array)
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
    for (const file of files) file.close()
  }
}

const save = (model: Model, dir: string, extra: Readonly<Record<string, unknown>>): void => {
  const { architecture, parameters } = model
  writeSafetensors(
    join(dir, "model.safetensors"),
    [...architecture.parameters].map(([name, { shape }]) => ({
      name,
      shape,
      data: () => parameters.get(name)!.dataSync() as Float32Array,
    })),
  )
  // Last, as its presence says that the directory is whole.
  replaceFile(join(dir, "config.json"), (fd) =>
    writeFileSync(fd, `${JSON.stringify({ ...architecture.config, ...extra }, null, 2)}\n`),
  )
}

const attempt = <A>(run: () => A): Effect.Effect<A, DataError | InvalidInput> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(run())
    } catch (error) {
      if (error instanceof DataError || error instanceof InvalidInput) return Effect.fail(error)
      throw error
    }
  })

/**
 * Reads a model directory; F16 and BF16 weights become float32. The caller disposes of the model.
 *
 * @error InvalidInput if config.json describes what is not computed here
 * @error DataError if a file is missing or damaged, or its tensors are not those of config.json
 */
export const loadModel = (dir: string): Effect.Effect<Model, DataError | InvalidInput> => attempt(() => load(dir))

/**
 * Writes config.json and model.safetensors such that `transformers` opens the directory; each file whole or not at all.
 *
 * @param extra further keys of config.json, such as `eos_token_id`
 * @error DataError if a file cannot be written
 */
export const saveModel = (
  model: Model,
  dir: string,
  extra: Readonly<Record<string, unknown>> = {},
): Effect.Effect<void, DataError> => attempt(() => save(model, dir, extra)) as Effect.Effect<void, DataError>
