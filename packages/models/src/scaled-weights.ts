/**
 * Weights in 8 bits with scales, for a config.json with `quantization_config` of method "fp8", the form of DeepSeek-V3
 * and Qwen3-FP8. The weight is the 8-bit value times the scale of its block.
 *
 * @source transformers 5, integrations/finegrained_fp8.py
 */
import { DataError, InvalidInput } from "@winnow/core"
import type { SafetensorsFile } from "./safetensors.ts"
import { isEightBits } from "./safetensors-header.ts"
import { excerpt, isRecord, own } from "./shown.ts"

/** Rows and columns of a weight that share a scale; undefined if the whole weight does. */
export interface Scaling {
  readonly block: readonly [rows: number, columns: number] | undefined
}

type Config = Readonly<Record<string, unknown>>

const key = "quantization_config"
/** Ends of names: of a weight, and of its scales. */
const [weightEnd, scaleEnd] = [".weight", ".weight_scale_inv"]

const isBlock = (value: unknown): value is readonly [number, number] =>
  Array.isArray(value) && value.length === 2 && value.every((n) => Number.isSafeInteger(n) && n > 0)

/**
 * The scaling that a config.json names, and the config.json without it. Other kinds of quantisation stay in it: the
 * family refuses them.
 *
 * @error InvalidInput (thrown) for a form of scales that is not read here
 */
export const scalingOf = (config: Config, where: string): { readonly config: Config; readonly scaling?: Scaling } => {
  const given = own(config, key)
  if (!isRecord(given) || own(given, "quant_method") !== "fp8") return { config }
  const [block, activations] = [own(given, "weight_block_size"), own(given, "activation_scheme")]
  const problems = [
    ...(block == null || isBlock(block)
      ? []
      : [`${key}.weight_block_size is ${excerpt(block)}, expected two whole numbers above 0, such as [128, 128]`]),
    ...(activations == null || activations === "dynamic"
      ? []
      : [
          `${key}.activation_scheme is ${excerpt(activations)}; weights whose activations have no scale of their own ("dynamic") are read: save the model in float32, float16 or bfloat16`,
        ]),
  ]
  if (problems.length > 0) throw new InvalidInput({ what: where, problems })
  const { [key]: _, ...rest } = config
  return { config: rest, scaling: { block: isBlock(block) ? block : undefined } }
}

/** The values of a weight in place times the scales of their blocks. Rows and columns at the ends may be parts of a block. */
export const scale = (
  values: Float32Array,
  [rows, columns]: readonly [number, number],
  scales: Float32Array,
  [blockRows, blockColumns]: readonly [number, number],
): void => {
  const across = Math.ceil(columns / blockColumns)
  for (let r = 0; r < rows; r++)
    for (let c = 0, at = r * columns; c < columns; c += blockColumns) {
      const by = scales[Math.floor(r / blockRows) * across + c / blockColumns]!
      for (const end = at + Math.min(blockColumns, columns - c); at < end; at++) values[at]! *= by
    }
}

/** A file whose reads of one tensor are scaled. */
const scaledFile = (
  file: SafetensorsFile,
  of: {
    readonly shape: readonly [number, number]
    readonly scales: () => Float32Array
    readonly block: readonly [number, number]
  },
): SafetensorsFile => {
  const { shape, scales, block } = of
  return {
    ...file,
    read: (name) => {
      const values = file.read(name)
      scale(values, shape, scales(), block)
      return values
    },
    readInto: (name, into) => {
      file.readInto(name, into)
      scale(into, shape, scales(), block)
    },
  }
}

/**
 * The files of tensors by name, their scales gone and the weights that have some (`scaled`) multiplied by them.
 *
 * @error DataError (thrown) for scales without a weight in 8 bits, or of another shape than its blocks
 */
export const withScales = (
  dir: string,
  fileOf: ReadonlyMap<string, SafetensorsFile>,
  { block }: Scaling,
): { readonly fileOf: ReadonlyMap<string, SafetensorsFile>; readonly scaled: ReadonlySet<string> } => {
  const found = new Map(fileOf)
  const scaled = new Set<string>()
  for (const [name, file] of fileOf) {
    if (!name.endsWith(scaleEnd)) continue
    const fail = (problem: string) => new DataError({ message: `${dir}: ${name} ${problem}` })
    const weight = name.slice(0, -scaleEnd.length) + weightEnd
    const holder = fileOf.get(weight)
    const entry = holder?.tensors.get(weight)
    if (holder === undefined || entry === undefined || !isEightBits(entry.dtype))
      throw fail(
        `scales ${weight}, which is ${entry === undefined ? "not there" : `of dtype ${entry.dtype}`}; expected F8_E4M3 or F8_E5M2`,
      )
    const [rows, columns, ...more] = entry.shape
    if (rows === undefined || columns === undefined || more.length > 0)
      throw fail(`scales ${weight} of shape [${entry.shape}], expected rows and columns`)
    const of = block ?? [Math.max(1, rows), Math.max(1, columns)]
    const count = Math.ceil(rows / of[0]) * Math.ceil(columns / of[1])
    const shape = file.tensors.get(name)!.shape
    if (shape.reduce((a, b) => a * b, 1) !== count)
      throw fail(`has shape [${shape}], ${weight} of shape [${entry.shape}] has ${count} blocks of [${of}]`)
    scaled.add(weight)
    found.delete(name)
    found.set(weight, scaledFile(holder, { shape: [rows, columns], scales: () => file.read(name), block: of }))
  }
  return { fileOf: found, scaled }
}
