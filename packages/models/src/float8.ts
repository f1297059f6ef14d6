/**
 * Floats of 8 bits, as float32: E4M3 without infinities, and E5M2.
 *
 * @source Micikevicius et al. 2022, "FP8 formats for deep learning", table 1
 */

/** The formats of 8 bits that are read, by their names in safetensors. */
export const eightBits = ["F8_E4M3", "F8_E5M2"] as const
export type EightBits = (typeof eightBits)[number]

const formats = { F8_E4M3: { exponent: 4, mantissa: 3 }, F8_E5M2: { exponent: 5, mantissa: 2 } } as const

/** The value of a byte: sign, exponent, mantissa from the highest bit on. */
const float8Of = (byte: number, format: EightBits): number => {
  const { exponent, mantissa } = formats[format]
  const [m, e] = [byte % 2 ** mantissa, (byte >> mantissa) % 2 ** exponent]
  const sign = byte < 128 ? 1 : -1
  const bias = 2 ** (exponent - 1) - 1
  if (format === "F8_E4M3" && byte % 128 === 127) return Number.NaN
  if (format === "F8_E5M2" && e === 31) return m === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  if (e === 0) return sign * m * 2 ** (1 - bias - mantissa)
  return sign * (1 + m / 2 ** mantissa) * 2 ** (e - bias)
}

const tables = new Map<EightBits, Float32Array>()

/** Turns bytes into float32; every value is exact. */
export const fromFloat8 = (format: EightBits, bytes: Uint8Array, into: Float32Array): void => {
  const table = tables.get(format) ?? Float32Array.from({ length: 256 }, (_, byte) => float8Of(byte, format))
  tables.set(format, table)
  for (let i = 0; i < bytes.length; i++) into[i] = table[bytes[i]!]!
}
