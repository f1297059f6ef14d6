/**
 * The state of a circuit that runs over the rows of one text, and the weights that it reads.
 *
 * Letters: N rows of a call, c columns of an output, U rows of a vocabulary head.
 */
import type { LogitRows, Parameters } from "@winnow/core"
import type { CircuitInput } from "./circuit.ts"

/** The weights of a head and of its target, as a circuit reads them. */
export interface CircuitWeights {
  readonly parameters: Parameters
  readonly target: {
    readonly parameters: Parameters
    readonly architecture: { readonly embedding: string; readonly head: string }
  }
}

/** Logits of some rows; void at the next call. `softmax` as in `LogitRows`, where native code has it. */
export interface CircuitLogits extends Pick<LogitRows, "row"> {
  readonly softmax?: LogitRows["softmax"]
}

/** A circuit over the rows of one text. */
export interface CircuitDecoding {
  /** Rows in the caches of its attentions; 0 for a circuit that does not attend. */
  readonly length: number
  /** Runs the next rows; `parents` of rows that are nodes of a tree, as in `Decoding.extend`. */
  readonly extend: (given: CircuitInput<Float32Array, ArrayLike<number>>, parents?: Int32Array) => void
  /** An output of the last call, [N, c]; ask before a roll-back. */
  readonly states: (output: string) => Float32Array
  /**
   * The most probable row of a vocabulary head after each of the last rows of an output.
   * @param head a parameter [U, c], or `targetWeights.head`
   */
  readonly greedy: (output: string, head: string, last: number) => Int32Array
  /** Logits after the last rows of an output; void at the next call. */
  readonly logits: (output: string, head: string, last: number) => CircuitLogits
  /** Drops all rows from `length` on, and the whole of a tree; `length` is not within it. */
  readonly rollback: (length: number) => void
  readonly dispose: () => void
}
