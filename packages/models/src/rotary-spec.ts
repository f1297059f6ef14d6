import type { RopeScaling } from "./rope-scaling.ts"

/** The rotary embedding of one architecture. */
export interface RotarySpec {
  readonly headSize: number
  /** Entries of each head that are rotated: even, at most the head size. */
  readonly rotated: number
  /** The entries that set the frequencies: `rotated`, or one less if the family's own count is odd. */
  readonly exponents?: number
  readonly theta: number
  readonly maxLength: number
  readonly scaling?: RopeScaling | undefined
  /** Factor of queries and keys alike; h^-1/4 if left out. */
  readonly factor?: number
}
