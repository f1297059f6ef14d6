/** Model folders in the Hugging Face layout: the files of weights, and the errors for other folders. */
import { existsSync, readdirSync, statSync } from "node:fs"
import { basename, join, relative } from "node:path"
import { DataError } from "@winnow/core"
import { parseJson, readRegular } from "@winnow/files"
import { withDataErrors } from "./data-errors.ts"
import { foreignContent } from "./foreign-content.ts"
import { excerpt, isRecord, own } from "./shown.ts"

const fail = (message: string) => new DataError({ message })

/** Largest JSON file of a model folder; the index of a model of thousands of layers has a megabyte. */
const MOST = 64 << 20

/** A JSON file of the folder. @error DataError if it cannot be read or is something else */
export const readJson = (file: string): unknown => {
  const bytes = withDataErrors(() => readRegular(file, { most: MOST, what: "a JSON file of a model" }))
  try {
    return parseJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes))
  } catch (error) {
    const why = foreignContent(bytes)
    throw fail(`${file} is not JSON: ${why ?? `${(error as Error).message}; was it cut short, or edited?`}`)
  }
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

const WANTED = "a model is a directory with config.json and model.safetensors"

/** Advice on a path that is no folder. */
const notFolder = (path: string): string => {
  const relativePath = relative(process.cwd(), path)
  const name = basename(path)
  if (existsSync(path)) {
    if (/\.gguf$/i.test(name)) return "it is a GGUF file, which is not read; give a folder with the model's safetensors"
    if (/\.(bin|pth|pt|ckpt|pkl)$/i.test(name))
      return "it is a file of PyTorch; load it in transformers, write it with model.save_pretrained(DIR), and give DIR"
    return /\.(safetensors|json)$/i.test(name) ? `give the folder that holds ${name}; ${WANTED}` : WANTED
  }
  if (/^~/.test(relativePath))
    return "the shell expands ~ only where it is not in quotes: write $HOME, or leave the quotes out"
  if (/^[\w.-]+\/[\w.-]+$/.test(relativePath) && !relativePath.startsWith("."))
    return `there is nothing of this name; if it is a model of the Hugging Face hub, write hf:${relativePath}; ${WANTED}`
  return `there is nothing of this name; ${WANTED}`
}

/** The folder itself, checked. @error DataError with a hint at the path that was probably meant */
export const requireFolder = (dir: string): void => {
  if (!isFolder(dir)) throw fail(`${dir} is not a directory: ${notFolder(dir)}`)
  const names = namesIn(dir)
  if (names.includes("config.json")) return
  const at = `${dir} has no config.json`
  const inside = names.filter((name) => existsSync(join(dir, name, "config.json"))).toSorted()
  if (inside.length > 0) throw fail(`${at}, its folder ${inside[0]} has one: give ${join(dir, inside[0]!)}`)
  if (names.includes("snapshots")) {
    const [first] = namesIn(join(dir, "snapshots"))
    throw fail(`${at}: it is a cache of the Hugging Face hub; give ${join(dir, "snapshots", first ?? "...")}`)
  }
  if (names.length === 0) throw fail(`${at}, it is empty: ${WANTED}`)
  const weights = names.find((name) => /^model\.safetensors(\.index\.json)?$/.test(name))
  if (weights !== undefined) throw fail(`${at} beside its ${weights}; download or write that too`)
  throw fail(`${at}: ${strangeFolder(dir, names) ?? WANTED}`)
}

const namesIn = (dir: string): ReadonlyArray<string> => withDataErrors(() => readdirSync(dir))

/** The model of an adapter, from the adapter's configuration. */
const baseOf = (dir: string): string => {
  const config = readJson(join(dir, "adapter_config.json"))
  const base = isRecord(config) ? own(config, "base_model_name_or_path") : undefined
  return typeof base === "string" ? ` of ${base}` : ""
}

const MERGE = "merge it into its model with merge_and_unload of peft, save that, and give its folder"

/** The contents of a folder without readable weights; undefined if they are unknown. */
const strangeFolder = (dir: string, names: ReadonlyArray<string>): string | undefined => {
  const named = (pattern: RegExp) => names.find((name) => pattern.test(name))
  if (names.includes("adapter_config.json")) return `it holds an adapter${baseOf(dir)} alone; ${MERGE}`
  const lone = named(/^adapter_model\./)
  if (lone !== undefined) return `it holds an adapter alone (${lone}); ${MERGE}`
  const shard = named(/^model-\d+-of-\d+\.safetensors$/)
  if (shard !== undefined)
    return `it has ${shard} but no model.safetensors.index.json, the list of the shards' tensors; download that too`
  const other = names.filter((name) => name.endsWith(".safetensors") && name !== "model.safetensors")
  if (other.length > 0)
    return `it has ${other.slice(0, 3).join(", ")}; weights are read from model.safetensors: rename the file if it is the whole model`
  const gguf = named(/\.gguf$/i)
  if (gguf !== undefined) return `it has ${gguf}, a GGUF file, which is not read; take the model's safetensors`
  const torch = named(/\.(bin|pth|pt|ckpt)$/i)
  if (torch !== undefined)
    return `it has ${torch}, which is not read: save it as safetensors (transformers: model.save_pretrained)`
  const foreign = named(/\.(h5|msgpack|onnx|npz|tflite|mlmodel)$/i)
  if (foreign !== undefined) return `it has ${foreign}, which is not read; take the model's safetensors`
  return undefined
}

/** Files of weights, and the tensors of each if there is an index. */
export interface WeightFiles {
  readonly files: ReadonlyArray<string>
  /** From a tensor's name to its file; undefined for a model in one file. */
  readonly index: ReadonlyMap<string, string> | undefined
}

/** The files of the weights: one, or the shards that the index names. @error DataError if there are none */
export const weightFiles = (dir: string): WeightFiles => {
  const names = namesIn(dir)
  const whole = join(dir, "model.safetensors")
  const indexFile = join(dir, "model.safetensors.index.json")
  const [hasWhole, hasIndex] = [names.includes("model.safetensors"), names.includes("model.safetensors.index.json")]
  if (names.includes("adapter_config.json") && (hasWhole || hasIndex))
    throw fail(
      `${dir} has an adapter${baseOf(dir)} beside a model (adapter_config.json): which of the two is meant is not clear; merge the adapter, or move adapter_config.json away`,
    )
  if (hasWhole) return { files: [whole], index: undefined }
  if (!hasIndex)
    throw fail(
      `${dir} has neither model.safetensors nor model.safetensors.index.json: ${strangeFolder(dir, names) ?? "download or write the weights"}`,
    )
  const parsed = readJson(indexFile)
  const map = isRecord(parsed) ? own(parsed, "weight_map") : undefined
  const entries = isRecord(map) ? Object.entries(map) : []
  const isName = (x: unknown) => typeof x === "string" && basename(x) === x && x.endsWith(".safetensors")
  const wrong = entries.find(([, shard]) => !isName(shard))
  if (entries.length === 0 || wrong !== undefined)
    throw fail(
      `${indexFile}: weight_map must map names to .safetensors files beside it (was ${excerpt(wrong === undefined ? map : wrong[1])})`,
    )
  const shards = [...new Set(entries.map(([, shard]) => shard as string))]
  const missing = shards.filter((shard) => !names.includes(shard))
  if (missing.length > 0)
    throw fail(
      `${dir} lacks ${missing.length} of ${shards.length} shards that its index names, such as ${missing[0]}; download them too`,
    )
  return {
    files: shards.map((shard) => join(dir, shard)),
    index: new Map(entries.map(([name, shard]) => [name, join(dir, shard as string)])),
  }
}
