/**
 * The numbers of the rotary embedding: cosines and sines by position.
 *
 * Letters: h head size, r rotated entries of a head.
 */

import { type Frequencies, type RopeScaling, rotaryFrequencies } from "./rope-scaling.ts"

/** The rotary embedding of one architecture. */
export interface RotarySpec {
  readonly headSize: number
  /** Entries of each head that are rotated: even, at most the head size. */
  readonly rotated: number
  /** Entries that the frequencies are of: `rotated`, or one less where that would be odd. */
  readonly exponents?: number
  readonly theta: number
  readonly maxLength: number
  readonly scaling?: RopeScaling | undefined
}

/** Tables [rows, r / 2] each, times h^-1/4, the factor of queries and keys alike. */
export interface RotaryTables {
  readonly cos: Float32Array
  readonly sin: Float32Array
}

/** The factor of queries and keys, h^-1/4: their product then has the 1 / sqrt(h) of the scores. */
export const rotaryScale = ({ headSize }: RotarySpec): number => headSize ** -0.25

/** Tables of the first so many positions; kept, and grown when more are asked for. */
export const rotaryTables = (spec: RotarySpec): ((rows: number) => RotaryTables) => {
  const half = spec.rotated / 2
  let of: Frequencies | undefined
  let held: RotaryTables = { cos: new Float32Array(0), sin: new Float32Array(0) }
  return (rows) => {
    const n = rows * half
    // When first asked for: sizes of a damaged config.json are compared with the weights before.
    of ??= rotaryFrequencies(spec.theta, spec.exponents ?? spec.rotated, spec.scaling)
    const scale = rotaryScale(spec) * of.attention
    if (n > held.cos.length) {
      const [cos, sin] = [new Float32Array(n), new Float32Array(n)]
      cos.set(held.cos)
      sin.set(held.sin)
      for (let at = held.cos.length; at < n; at++) {
        const [t, i] = [Math.floor(at / half), at % half]
        const angle = Math.fround(t * of.frequencies[i]!)
        cos[at] = Math.cos(angle) * scale
        sin[at] = Math.sin(angle) * scale
      }
      held = { cos, sin }
    }
    return { cos: held.cos.subarray(0, n), sin: held.sin.subarray(0, n) }
  }
}

/** @error for more positions than the model has */
export const checkPositions = (positions: number, maxLength: number): void => {
  if (positions > maxLength)
    throw new Error(
      `the sequence has ${positions} positions, the model max_position_embeddings = ${maxLength}: ` +
        "cut the sequence or take a model with more positions",
    )
}
