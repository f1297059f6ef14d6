/** float32 to bfloat16 and back: the upper half of the bits, rounded to nearest, ties to even. */

/** Rounds `from` into `into` of the same length. Relative error at most 2^-8; NaN stays NaN, overflow becomes infinity. */
export const toBfloat16 = (from: Float32Array, into: Uint16Array): void => {
  const bits = new Uint32Array(from.buffer, from.byteOffset, from.length)
  for (let i = 0; i < bits.length; i++) {
    const b = bits[i]!
    // Without this a NaN with bits in the lower half only would become infinity.
    into[i] = (b & 0x7fffffff) > 0x7f800000 ? (b >>> 16) | 0x40 : (b + 0x7fff + ((b >>> 16) & 1)) >>> 16
  }
}

/** Writes the values of `from` into `into` of the same length; exact. */
export const fromBfloat16 = (from: Uint16Array, into: Float32Array): void => {
  const bits = new Uint32Array(into.buffer, into.byteOffset, into.length)
  for (let i = 0; i < from.length; i++) bits[i] = from[i]! << 16
}
