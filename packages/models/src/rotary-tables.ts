/**
 * The numbers of the rotary embedding: cosines and sines by position.
 *
 * Letters: h head size, r rotated entries of a head.
 */
import type { Attends } from "@winnow/core"
import type { Description, Rotation } from "./instructions.ts"
import { type Frequencies, rotaryFrequencies } from "./rope-scaling.ts"
import type { RotarySpec } from "./rotary-spec.ts"

/** Tables [rows, r / 2] each, times the factor of queries and keys. */
export interface RotaryTables {
  readonly cos: Float32Array
  readonly sin: Float32Array
}

/** The factor of queries and of keys whose product has the factor of scores: h^-1/4 for 1 / sqrt(h). */
export const scoreFactor = (headSize: number, scale: number | undefined): number =>
  scale === undefined ? headSize ** -0.25 : Math.sqrt(scale)

/** The factor of queries and keys. */
export const rotaryScale = ({ headSize, factor }: RotarySpec): number => factor ?? scoreFactor(headSize, undefined)

/** The rotary embedding of one attention of a description; without rotation the factor of scores alone. */
export const rotarySpec = (
  { heads: { headSize }, maxLength, rotary: common }: Pick<Description<Attends>, "heads" | "maxLength" | "rotary">,
  { scale, rotary = common }: { readonly scale?: number | undefined; readonly rotary?: Rotation | undefined },
): RotarySpec => ({
  ...(rotary ?? { rotated: 0, theta: 1 }),
  headSize,
  maxLength,
  factor: scoreFactor(headSize, scale),
})

/** Tables of the first positions, as many as asked for; they are kept, and grow with the next larger request. */
export const rotaryTables = (spec: RotarySpec): ((rows: number) => RotaryTables) => {
  const half = spec.rotated / 2
  let of: Frequencies | undefined
  let held: RotaryTables = { cos: new Float32Array(0), sin: new Float32Array(0) }
  return (rows) => {
    const n = rows * half
    // Computed at the first request: sizes of a damaged config.json have been compared with the weights by then.
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
