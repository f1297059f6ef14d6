/**
 * The header of a safetensors file: 8 bytes length (little endian), that many bytes of JSON, then the data.
 *
 * @source https://github.com/huggingface/safetensors, "Format"
 */
import { DataError } from "@winnow/core"
import { parseJson } from "@winnow/files"
import { type EightBits, eightBits } from "./float8.ts"
import { excerpt, isRecord } from "./shown.ts"

/** Bits of a number in the formats that a file may have. */
const bitsOf: ReadonlyMap<string, number> = new Map([
  ...["F64", "I64", "U64", "C64"].map((name) => [name, 64] as const),
  ...["F32", "I32", "U32"].map((name) => [name, 32] as const),
  ...["F16", "BF16", "I16", "U16"].map((name) => [name, 16] as const),
  ...["I8", "U8", "BOOL", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"].map((n) => [n, 8] as const),
  ...["F6_E2M3", "F6_E3M2"].map((name) => [name, 6] as const),
  ["F4", 4],
])

/** Bytes of a number in a format of whole bytes. */
export const bytesOf = (dtype: string): number => bitsOf.get(dtype)! / 8

/** Number formats that hold weights by themselves; all become float32. A file may contain tensors of other formats, unread. */
export const readDtypes = ["F32", "F16", "BF16", "F64"] as const
export type Dtype = (typeof readDtypes)[number] | EightBits

/** True of a format of 8 bits, whose values mean weights with a scale alone. */
export const isEightBits = (dtype: string): dtype is EightBits => (eightBits as ReadonlyArray<string>).includes(dtype)

/** True if tensors of this format can be read. */
export const isReadable = (dtype: string): dtype is Dtype =>
  (readDtypes as ReadonlyArray<string>).includes(dtype) || isEightBits(dtype)

/** One tensor of a file. */
export interface TensorEntry {
  /** One of `readDtypes`, or a format that cannot be read. */
  readonly dtype: string
  readonly shape: ReadonlyArray<number>
  /** First byte and byte past the last, counted from the start of the file. */
  readonly begin: number
  readonly end: number
}

export interface Header {
  readonly metadata: Readonly<Record<string, string>>
  readonly tensors: ReadonlyMap<string, TensorEntry>
}

/** The specification's bound, so that a damaged length cannot request all memory. */
const MAX_HEADER = 100_000_000

/** Length of the JSON, from the first 8 bytes. @error DataError if the file cannot hold it */
export const headerLength = (file: string, first8: Uint8Array, fileSize: number): number => {
  if (fileSize < 8)
    throw new DataError({
      message: `${file}: ${fileSize} bytes is too short for safetensors; write or download it again`,
    })
  const length = Number(new DataView(first8.buffer, first8.byteOffset, 8).getBigUint64(0, true))
  if (length > Math.min(MAX_HEADER, fileSize - 8))
    throw new DataError({
      message: `${file}: its first 8 bytes announce a header of ${length} bytes, the file has ${fileSize}: truncated, or not safetensors`,
    })
  return length
}

const isSizes = (x: unknown): x is ReadonlyArray<number> =>
  Array.isArray(x) && x.every((n) => Number.isSafeInteger(n) && n >= 0)

/**
 * Checks the JSON: known dtypes, sizes that agree with the offsets, data without holes or overlaps that ends with the
 * file.
 * @error DataError that names the file, the tensor and the found value
 */
export const parseHeader = (file: string, json: Uint8Array, fileSize: number): Header => {
  const fail = (problem: string) => new DataError({ message: `${file}: ${problem}` })
  let parsed: unknown
  try {
    parsed = parseJson(new TextDecoder("utf-8", { fatal: true }).decode(json))
  } catch (error) {
    throw fail(`the header is not JSON (${(error as Error).message}): truncated, or not safetensors`)
  }
  if (!isRecord(parsed)) throw fail("the header is not a JSON object")
  const start = 8 + json.length
  const tensors = new Map<string, TensorEntry>()
  for (const [name, value] of Object.entries(parsed)) {
    if (name === "__metadata__") continue
    if (!isRecord(value)) throw fail(`tensor ${name} has no description`)
    const { dtype, shape, data_offsets: offsets } = value
    if (typeof dtype !== "string")
      throw fail(`tensor ${name} has dtype ${excerpt(dtype)}, expected a name such as "F32"`)
    if (!isSizes(shape) || !isSizes(offsets) || offsets.length !== 2)
      throw fail(`tensor ${name} needs a shape and two data_offsets of whole numbers, found ${excerpt(value)}`)
    const [begin, end] = offsets as readonly [number, number]
    const bits = bitsOf.get(dtype) // undefined for a format that is newer than this list: it only matters for a tensor that is needed.
    const bytes = bits === undefined ? end - begin : Math.ceil(shape.reduce((a, b) => a * b, bits) / 8)
    if (end - begin !== bytes)
      throw fail(`tensor ${name}, ${dtype} of shape [${shape}], takes ${bytes} bytes, its offsets span ${end - begin}`)
    tensors.set(name, { dtype, shape, begin: start + begin, end: start + end })
  }
  let at = start
  for (const [name, { begin, end }] of [...tensors].sort((a, b) => a[1].begin - b[1].begin || a[1].end - b[1].end)) {
    if (begin !== at)
      throw fail(
        `tensor ${name} begins at byte ${begin}, expected ${at}: the data ${begin < at ? "overlap" : "have a hole"}`,
      )
    at = end
  }
  if (at !== fileSize)
    throw fail(
      `the header describes ${at} bytes, the file has ${fileSize}: ${at > fileSize ? "truncated" : "data that belong to no tensor follow"}`,
    )
  const metadata = isRecord(parsed["__metadata__"]) ? parsed["__metadata__"] : {}
  return { metadata: metadata as Record<string, string>, tensors }
}
