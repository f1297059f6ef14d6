/** Reads and writes safetensors files, one tensor in memory at a time. */
import { closeSync, readSync, writeSync } from "node:fs"
import { DataError, InvalidInput } from "@winnow/core"
import { openRegular, writeWhole } from "@winnow/files"
import { fromBfloat16, toBfloat16 } from "@winnow/numerics"
import { nativeNumbers } from "@winnow/tensor"
import { withDataErrors } from "./data-errors.ts"
import { fromFloat8 } from "./float8.ts"
import { foreignContent, SNIFFED } from "./foreign-content.ts"
import {
  bytesOf,
  headerLength,
  isEightBits,
  isReadable,
  parseHeader,
  readDtypes,
  type TensorEntry,
} from "./safetensors-header.ts"

/** An open file: each tensor is read on request. */
export interface SafetensorsFile {
  readonly metadata: Readonly<Record<string, string>>
  readonly tensors: ReadonlyMap<string, TensorEntry>
  /** The values of one tensor as float32, row-major. @error DataError if there is no such tensor or it cannot be read */
  readonly read: (name: string) => Float32Array
  /**
   * Reads the values of one tensor straight into existing memory, such as a TensorFlow tensor's.
   * @error DataError as of `read`, or if `into` has another length than the tensor
   */
  readonly readInto: (name: string, into: Float32Array) => void
  /**
   * Reads rows of one tensor into existing memory, from row `from` on.
   * @error DataError as of `read`, or if `into` has no whole number of rows, or more than follow
   */
  readonly readRows: (name: string, from: number, into: Float32Array) => void
  /**
   * Cuts a tensor to its first rows for all later reads.
   * @error DataError if there is no such tensor, or it has fewer rows
   */
  readonly keepRows: (name: string, rows: number) => void
  /**
   * Reads the unconverted bytes of one tensor, of any format, into existing memory.
   * @error DataError if there is no such tensor, or `into` has another length than it
   */
  readonly readBytes: (name: string, into: Uint8Array) => void
  /**
   * The place of a tensor's unconverted bytes: the open file, and the first byte there. Void once the file is closed.
   * @error DataError if there is no such tensor
   */
  readonly placeOf: (name: string) => { readonly fd: number; readonly begin: number }
  readonly close: () => void
}

/** A weight to be written, in the number format of the file. */
export interface TensorSource {
  readonly name: string
  readonly shape: ReadonlyArray<number>
  /** The values, or a function called when their turn comes, so that not all need to be in JavaScript at once. */
  readonly data: Float32Array | (() => Float32Array)
}

/** A tensor to be written that is no weight, such as a list of ids: it has a format of its own. */
export interface BytesSource extends Omit<TensorSource, "data"> {
  /** Its format in the file, such as "I64" or "BOOL". */
  readonly dtype: string
  /** Called when its turn comes: little-endian, row-major. */
  readonly bytes: () => Uint8Array
}

const readFully = (file: string, fd: number, into: Uint8Array, position: number): void => {
  let done = 0
  while (done < into.length) {
    // Linux reads at most 2^31 - 4096 bytes a call.
    const got = readSync(fd, into, done, Math.min(into.length - done, 1 << 30), position + done)
    if (got === 0)
      throw new DataError({ message: `${file}: ended at byte ${position + done}; was it changed while read?` })
    done += got
  }
}

/** Numbers of a piece that is converted at once: it stays in a cache of the processor until then. */
const PIECE = 2 ** 19

/** Reads numbers of another width than float32 piece by piece; `convert` turns each piece into float32. */
const readPieces = <A extends Uint8Array | Uint16Array | Float64Array>(
  file: string,
  fd: number,
  into: Float32Array,
  position: number,
  allocate: (length: number) => A,
  convert: (from: A, into: Float32Array) => void,
): void => {
  const piece = allocate(Math.min(PIECE, into.length))
  for (let begin = 0; begin < into.length; begin += PIECE) {
    const from = piece.subarray(0, into.length - begin) as A
    readFully(file, fd, new Uint8Array(from.buffer, 0, from.byteLength), position + piece.BYTES_PER_ELEMENT * begin)
    convert(from, into.subarray(begin, begin + from.length))
  }
}

let float16Bits: Uint32Array | undefined

/** By a table of 256 KB, computed at the first use: JavaScript has no quick conversion. */
const plainFromFloat16 = (halves: Uint16Array, into: Float32Array): void => {
  const all = () => new Float16Array(Uint16Array.from({ length: 2 ** 16 }, (_, i) => i).buffer)
  float16Bits ??= new Uint32Array(Float32Array.from(all()).buffer)
  const table = float16Bits
  // bits keep the payload of a NaN
  const bits = new Uint32Array(into.buffer, into.byteOffset, into.length)
  for (let i = 0; i < halves.length; i++) bits[i] = table[halves[i]!]!
}

const fromFloat16 = (halves: Uint16Array, into: Float32Array): void =>
  (nativeNumbers()?.fromFloat16 ?? plainFromFloat16)(halves, into)

const fromHalves = (halves: Uint16Array, into: Float32Array): void =>
  (nativeNumbers()?.fromBfloat16 ?? fromBfloat16)(halves, into)

const readFloats = (file: string, fd: number, { dtype, begin }: TensorEntry, into: Float32Array): void => {
  const halves = (length: number) => new Uint16Array(length)
  if (dtype === "F32") readFully(file, fd, new Uint8Array(into.buffer, into.byteOffset, into.byteLength), begin)
  else if (dtype === "F16") readPieces(file, fd, into, begin, halves, fromFloat16)
  else if (dtype === "BF16") readPieces(file, fd, into, begin, halves, fromHalves)
  else if (isEightBits(dtype)) {
    const bytes = (length: number) => new Uint8Array(length)
    readPieces(file, fd, into, begin, bytes, (from, to) => fromFloat8(dtype, from, to))
  } else
    readPieces(
      file,
      fd,
      into,
      begin,
      (n) => new Float64Array(n),
      (from, to) => to.set(from),
    )
}

/**
 * Opens a regular file and checks its header; close it after use.
 * @error DataError if the file is missing, truncated, or not what its header says
 */
export const openSafetensors = (file: string): SafetensorsFile => {
  const { fd, bytes: size } = withDataErrors(() => openRegular(file))
  try {
    const first = new Uint8Array(Math.min(SNIFFED, size))
    readFully(file, fd, first, 0)
    const foreign = foreignContent(first)
    if (foreign !== undefined) throw new DataError({ message: `${file}: ${foreign}` })
    const json = new Uint8Array(headerLength(file, first.subarray(0, 8), size))
    readFully(file, fd, json, 8)
    const { metadata, tensors: parsed } = parseHeader(file, json, size)
    const tensors = new Map(parsed)
    const foundEntry = (name: string): TensorEntry => {
      const entry = tensors.get(name)
      if (entry === undefined) throw new DataError({ message: `${file} has no tensor ${name}` })
      return entry
    }
    const entryOf = (name: string): TensorEntry => {
      const entry = foundEntry(name)
      if (!isReadable(entry.dtype))
        throw new DataError({
          message: `${file}: tensor ${name} has dtype ${entry.dtype}; ${readDtypes.join(", ")} are read: save it in one of them`,
        })
      return entry
    }
    const sizeOf = ({ shape }: TensorEntry) => shape.reduce((a, b) => a * b, 1)
    return {
      metadata,
      tensors,
      read: (name) => {
        const entry = entryOf(name)
        const values = new Float32Array(sizeOf(entry))
        readFloats(file, fd, entry, values)
        return values
      },
      readInto: (name, into) => {
        const entry = entryOf(name)
        if (into.length !== sizeOf(entry))
          throw new DataError({
            message: `${file}: tensor ${name} of shape [${entry.shape}] has ${sizeOf(entry)} values, there is room for ${into.length}`,
          })
        readFloats(file, fd, entry, into)
      },
      readRows: (name, from, into) => {
        const entry = entryOf(name)
        const [all = 1, ...columns] = entry.shape
        const width = columns.reduce((a, b) => a * b, 1)
        const rows = into.length / width
        if (!(Number.isInteger(rows) && from >= 0 && from + rows <= all))
          throw new DataError({
            message: `${file}: tensor ${name} of shape [${entry.shape}] has no ${into.length} values from row ${from} on`,
          })
        readFloats(file, fd, { ...entry, begin: entry.begin + ((entry.end - entry.begin) / all) * from }, into)
      },
      keepRows: (name, rows) => {
        const entry = entryOf(name)
        const [all = 0, ...columns] = entry.shape
        if (rows > all)
          throw new DataError({ message: `${file}: tensor ${name} has ${all} rows, ${rows} are to be read` })
        // Rows lie one after another, so the first ones are the first bytes.
        const end = entry.begin + ((entry.end - entry.begin) / all) * rows
        tensors.set(name, { ...entry, shape: [rows, ...columns], end })
      },
      readBytes: (name, into) => {
        const { begin, end } = foundEntry(name)
        if (into.length !== end - begin)
          throw new DataError({
            message: `${file}: tensor ${name} has ${end - begin} bytes, there is room for ${into.length}`,
          })
        readFully(file, fd, into, begin)
      },
      placeOf: (name) => ({ fd, begin: entryOf(name).begin }),
      close: () => closeSync(fd),
    }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/**
 * All tensors of a file by name, as float32.
 * @error DataError if the file is missing, truncated, or not what its header says
 */
export const readSafetensors = (
  file: string,
): ReadonlyMap<string, { readonly shape: ReadonlyArray<number>; readonly data: Float32Array }> => {
  const opened = openSafetensors(file)
  try {
    return new Map([...opened.tensors].map(([name, { shape }]) => [name, { shape, data: opened.read(name) }]))
  } finally {
    opened.close()
  }
}

const writeFully = (fd: number, bytes: Uint8Array): void => {
  let done = 0
  while (done < bytes.length) done += writeSync(fd, bytes, done, Math.min(bytes.length - done, 1 << 30))
}

/** Number formats that are written, by their names in a config.json. */
export const writtenDtypes = { float32: "F32", float16: "F16", bfloat16: "BF16" } as const
/** The name of a number format that is written. */
export type WrittenDtype = keyof typeof writtenDtypes

/** Values in a number format, rounded to nearest, ties to even. */
const narrowed = (values: Float32Array, dtype: WrittenDtype): Float32Array | Uint16Array | Float16Array => {
  if (dtype === "float32") return values
  if (dtype === "float16") return Float16Array.from(values)
  const halves = new Uint16Array(values.length)
  toBfloat16(values, halves)
  return halves
}

/** A value that a number format cannot hold: finite before, infinity after. */
const lost = (values: Float32Array, dtype: WrittenDtype): number | undefined => {
  const most = dtype === "float16" ? 65520 : 3.3961775292304601e38 // from here on it rounds to infinity
  return dtype === "float32" ? undefined : values.find((x) => Math.abs(x) >= most && Number.isFinite(x))
}

/**
 * Writes tensors as one safetensors file, whole or not at all.
 *
 * @param options.metadata strings that readers find in `__metadata__`; `transformers` expects `{ format: "pt" }`
 * @param options.dtype of the numbers in the file; float32 by default
 * @error DataError if the file cannot be written or values do not fit their shape; InvalidInput for one too large for the dtype
 */
export const writeSafetensors = (
  file: string,
  sources: ReadonlyArray<TensorSource | BytesSource>,
  options: { readonly metadata?: Readonly<Record<string, string>>; readonly dtype?: WrittenDtype } = {},
): void => {
  const { metadata = { format: "pt" }, dtype = "float32" } = options
  const width = dtype === "float32" ? 4 : 2
  const header: Record<string, unknown> = { __metadata__: metadata }
  let offset = 0
  for (const source of sources) {
    const { name, shape } = source
    const [format, bytes] = "dtype" in source ? [source.dtype, bytesOf(source.dtype)] : [writtenDtypes[dtype], width]
    const end = offset + bytes * shape.reduce((a, b) => a * b, 1)
    header[name] = { dtype: format, shape, data_offsets: [offset, end] }
    offset = end
  }
  // Spaces after the JSON align the data to 8 bytes, as the format's own writer does.
  const text = JSON.stringify(header)
  const length = Math.ceil(new TextEncoder().encode(text).length / 8) * 8
  const head = new Uint8Array(8 + length).fill(0x20)
  new DataView(head.buffer).setBigUint64(0, BigInt(length), true)
  new TextEncoder().encodeInto(text, head.subarray(8))
  const write = (fd: number) => {
    writeFully(fd, head)
    for (const source of sources) {
      const { name, shape } = source
      const expected = shape.reduce((a, b) => a * b, 1)
      if ("dtype" in source) {
        const bytes = source.bytes()
        if (bytes.length !== expected * bytesOf(source.dtype))
          throw new DataError({
            message: `${file}: tensor ${name} has ${bytes.length} bytes, its shape [${shape}] of ${source.dtype} ${expected * bytesOf(source.dtype)}`,
          })
        writeFully(fd, bytes)
        continue
      }
      const values = typeof source.data === "function" ? source.data() : source.data
      if (values.length !== expected)
        throw new DataError({
          message: `${file}: tensor ${name} has ${values.length} values, its shape [${shape}] ${expected}`,
        })
      const large = lost(values, dtype)
      if (large !== undefined)
        throw new InvalidInput({
          what: `dtype ${dtype}`,
          problems: [`cannot hold the value ${large} of tensor ${name}; write it in float32`],
        })
      const data = narrowed(values, dtype)
      writeFully(fd, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    }
  }
  withDataErrors(() => writeWhole(file, write))
}
