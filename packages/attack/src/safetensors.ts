/** An independent reader of safetensors, to check the lab's reader; and headers that lie. */
import type { Rng } from "@winnow/numerics"
import { jsonOf, oddNames, oddValues, pick, Raw, shortText } from "./random.ts"

interface Entry {
  readonly dtype: string
  readonly shape: ReadonlyArray<number>
  readonly data_offsets: readonly [number, number]
}

/** Header and data of a file. */
export interface Parts {
  readonly header: Readonly<Record<string, unknown>>
  readonly data: Uint8Array
}

/** Splits a whole file into header and data. */
export const partsOf = (bytes: Uint8Array): Parts => {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Record<string, unknown>
  return { header, data: bytes.subarray(8 + length) }
}

/** Joins header and data to a file. @param said the header's length to write; left out, the right one */
export const fileOf = ({ header, data }: { header: unknown; data: Uint8Array }, headerLength?: bigint): Uint8Array => {
  const text = new TextEncoder().encode(jsonOf(header))
  const file = new Uint8Array(8 + text.length + data.length)
  new DataView(file.buffer).setBigUint64(0, headerLength ?? BigInt(text.length), true)
  file.set(text, 8)
  file.set(data, 8 + text.length)
  return file
}

const half = (bits: number): number => {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023]
  if (exponent === 0) return sign * fraction * 2 ** -24
  return exponent === 31
    ? fraction
      ? Number.NaN
      : sign * Number.POSITIVE_INFINITY
    : sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** The tensors of a file by name, as doubles; undefined for a file that this plain reader cannot read. */
export const tensorsOf = (
  bytes: Uint8Array,
): ReadonlyMap<string, { shape: ReadonlyArray<number>; values: Float64Array }> | undefined => {
  try {
    const { header, data } = partsOf(bytes)
    const tensors = new Map<string, { shape: ReadonlyArray<number>; values: Float64Array }>()
    for (const [name, value] of Object.entries(header)) {
      if (name === "__metadata__") continue
      const {
        dtype,
        shape,
        data_offsets: [start, end],
      } = value as Entry
      const view = new DataView(data.buffer, data.byteOffset + start, end - start)
      const bytesOf = dtype === "F32" ? 4 : 2
      const read =
        dtype === "F32"
          ? (i: number) => view.getFloat32(4 * i, true)
          : dtype === "F16"
            ? (i: number) => half(view.getUint16(2 * i, true))
            : dtype === "BF16"
              ? (i: number) => new Float32Array(Uint32Array.of(view.getUint16(2 * i, true) << 16).buffer)[0]!
              : undefined
      if (read === undefined) continue
      const size = shape.reduce((a, b) => a * b, 1)
      if (size * bytesOf !== end - start) return undefined
      tensors.set(name, { shape, values: Float64Array.from({ length: size }, (_, i) => read(i)) })
    }
    return tensors
  } catch {
    return undefined
  }
}

/** A file with a false header. */
export const spoilHeader = (rng: Rng, bytes: Uint8Array): { readonly bytes: Uint8Array; readonly damage: string } => {
  const { header, data } = partsOf(bytes)
  const names = Object.keys(header).filter((name) => name !== "__metadata__")
  const name = pick(rng, names)
  const entry = header[name] as Entry
  const [start, end] = entry.data_offsets
  const withEntry = (changed: unknown) => ({ header: { ...header, [name]: changed }, data })
  const without = Object.fromEntries(Object.entries(header).filter(([n]) => n !== name))
  const other = pick(rng, names)
  const odd = pick(rng, oddValues)
  const lies: ReadonlyArray<readonly [string, () => Uint8Array]> = [
    [
      "the header's length",
      () => fileOf({ header, data }, BigInt.asUintN(64, BigInt(pick(rng, [0, 1, 7, 2 ** 31, 2 ** 53, -1, 100])))),
    ],
    [
      `${name} dtype`,
      () =>
        fileOf(
          withEntry({
            ...entry,
            dtype: pick(rng, ["F16", "BF16", "F64", "I64", "U8", "BOOL", "F8_E4M3", "x", 5, null, "__proto__"]),
          }),
        ),
    ],
    [
      `${name} shape ${shortText(odd)}`,
      () =>
        fileOf(
          withEntry({ ...entry, shape: pick(rng, [odd, [...entry.shape].reverse(), [...entry.shape, 1], [odd], []]) }),
        ),
    ],
    [
      `${name} data_offsets`,
      () =>
        fileOf(
          withEntry({
            ...entry,
            data_offsets: pick(rng, [
              [end, start],
              [start + 1, end + 1],
              [start, end + 4],
              [0, data.length],
              [-4, end],
              [start, 2 ** 53],
              [0.5, end],
              [start],
              odd,
              [new Raw("1e999"), end],
            ]),
          }),
        ),
    ],
    [`${name} left out`, () => fileOf({ header: without, data })],
    [
      `${name} called otherwise`,
      () =>
        fileOf({ header: { ...without, [pick(rng, [...oddNames, `x.${name}`, name.toUpperCase()])]: entry }, data }),
    ],
    [`${name} and one more`, () => fileOf({ header: { ...header, [pick(rng, oddNames)]: entry }, data })],
    [
      `${name} where ${other} is`,
      () => fileOf(withEntry({ ...entry, data_offsets: (header[other] as Entry).data_offsets })),
    ],
    [
      `${name} exchanged with ${other}`,
      () => fileOf({ header: { ...header, [name]: header[other], [other]: entry }, data }),
    ],
    ["metadata", () => fileOf({ header: { ...header, __metadata__: odd }, data })],
    ["data cut", () => fileOf({ header, data: data.subarray(0, rng.below(data.length)) })],
    ["data longer", () => fileOf({ header, data: Buffer.concat([data, new Uint8Array(1 + rng.below(9))]) })],
    ["header no object", () => fileOf({ header: odd, data })],
    [
      `${name} not a number`,
      () => {
        const spoilt = Uint8Array.from(data)
        const at = start + 4 * rng.below(Math.floor((end - start) / 4))
        new DataView(spoilt.buffer).setUint32(at, pick(rng, [0x7fc00000, 0x7f800000, 0xff800000, 0x7f7fffff]), true)
        return fileOf({ header, data: spoilt })
      },
    ],
  ]
  const [damage, make] = pick(rng, lies)
  return { bytes: make(), damage: `weights: ${damage}` }
}
