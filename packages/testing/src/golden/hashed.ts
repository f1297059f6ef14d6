/** Weights that are a hash of their name and place, the same as `hashed` of packages/models/fixtures/random/make.py. */

/**
 * Float32 values, row-major: around 1 for vectors whose name ends in "weight" (scales of norms), around 0 for the rest.
 * They are the same on every machine: each is a whole number times a power of two and is rounded once.
 */
export const hashed = (name: string, shape: ReadonlyArray<number>): Float32Array => {
  let seed = 2166136261
  for (const byte of new TextEncoder().encode(name)) seed = Math.imul(seed ^ byte, 16777619) >>> 0
  const base = shape.length === 1 && name.endsWith("weight") ? 1 : 0
  const spread = shape.length === 1 ? 0.25 : 0.45
  return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => {
    let h = (Math.imul(i, 0x9e3779b1) + seed) >>> 0
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
    h = (h ^ (h >>> 16)) >>> 0
    return base + spread * ((h >>> 8) / 2 ** 23 - 1)
  })
}
