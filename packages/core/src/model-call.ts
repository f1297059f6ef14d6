/** Calls of models that a computation asks for, so that another may answer those of several texts together. */
import type { Decoding } from "./decoding.ts"
import type { DistributionRows } from "./distribution-rows.ts"
import type { Decoder } from "./model.ts"
import type { Sampling } from "./sampling-options.ts"

/** Greedy choices at some rows. */
export interface Choices {
  /** The lowest id of equal logits. */
  readonly argmax: ArrayLike<number>
  /** Largest logit minus second largest; empty unless requested. */
  readonly margin: ArrayLike<number>
}

/** The question what follows after the last `rows` positions of one sequence, once it has read `ids`. */
export interface ModelCall {
  readonly model: Decoder
  readonly decoding: Decoding
  readonly ids: Int32Array
  readonly rows: number
  /** Choices with margins or without, or distributions. */
  readonly of: { readonly margins: boolean } | { readonly sampling: Sampling }
  readonly parents?: Int32Array | undefined
}

/** A computation that asks for calls, and goes on with the answer: choices, or distributions for `sampling`. */
export type Asking<A> = Generator<ModelCall, A, Choices | DistributionRows>
