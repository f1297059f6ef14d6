/**
 * The seeded generator that every random choice in Winnow draws from.
 *
 * A generator is made from a seed and a path of names: `seeded(7, "arm", "adaspec", step)`. Two paths give
 * independent streams, so nothing that is drawn in one place shifts what is drawn in another, and a run that
 * resumes at step t makes the generator of step t anew instead of storing its state.
 */
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus"
import type { RandomGenerator } from "pure-rand/types/RandomGenerator"

/** A stream of random numbers; mutable, not shared between places that must not shift one another. */
export interface Rng {
  /** Uniform in [0, 1), 53 bits. */
  readonly uniform: () => number
  /** Standard normal (Box-Muller, one value a call). */
  readonly normal: () => number
  /** Uniform integer in [0, n). */
  readonly below: (n: number) => number
}

/** 32-bit FNV-1a of a string's UTF-16 code units: only to turn a path into a seed, not a content hash. */
const fnv1a = (text: string): number => {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return h | 0
}

const wrap = (generator: RandomGenerator): Rng => {
  const uniform = () => {
    const hi = (generator.next() >>> 0) >>> 6
    const lo = (generator.next() >>> 0) >>> 5
    return (hi * 0x8000000 + lo) / 0x20000000000000
  }
  return {
    uniform,
    below: (n) => Math.floor(uniform() * n),
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
  }
}

/**
 * A generator for one place in the program.
 *
 * @param seed any safe integer
 * @param path names and counters that tell this place from all others
 */
export const seeded = (seed: number, ...path: ReadonlyArray<string | number>): Rng =>
  wrap(xoroshiro128plus(fnv1a(JSON.stringify([seed, ...path]))))

/** A uniformly random order of 0..n-1 (Fisher-Yates). */
export const permutation = (n: number, rng: Rng): Int32Array => {
  const order = Int32Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const j = rng.below(i + 1)
    const held = order[i]!
    order[i] = order[j]!
    order[j] = held
  }
  return order
}

/** `n` independent standard normals times `scale`. */
export const normals = (n: number, scale: number, rng: Rng): Float32Array => {
  const out = new Float32Array(n)
  for (let i = 0; i < n; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - rng.uniform())) * scale
    const angle = 2 * Math.PI * rng.uniform()
    out[i] = radius * Math.cos(angle)
    if (i + 1 < n) out[i + 1] = radius * Math.sin(angle)
  }
  return out
}
