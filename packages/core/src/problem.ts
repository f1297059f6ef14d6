/**
 * A training problem: token ids to read, and rows, each of whose hidden states predicts a token.
 *
 * Letters: B rows, T positions, N valid tokens, L tokens of one example.
 */
import type { Rng } from "@winnow/numerics"

/** One example as token ids. Tokens from `promptLength` on are trained. */
export interface EncodedExample {
  /** [L] */
  readonly ids: Int32Array
  /** Tokens of the prompt, 0 to L - 1. */
  readonly promptLength: number
}

/**
 * The answer of an objective for some examples, one sequence in each row; `packedRows` puts several into a row. Arrays of
 * length N list the tokens sequence by sequence, position by position.
 */
export interface Problem {
  readonly B: number
  /** Positions of the longest row. */
  readonly T: number
  /** Inputs, B x T row-major, padded on the right. */
  readonly ids_BT: Int32Array
  /** Inputs of each row that are not padding, 1 to T. */
  readonly length_B: Int32Array
  /**
   * Of packed rows: the first position t of the sequence that each position belongs to, and t + 1 for padding, as
   * `Encoder.hidden` reads it.
   */
  readonly start_BT?: Int32Array
  /** Flat index b T + t of the position whose hidden state predicts the token. */
  readonly row_N: Int32Array
  /** The token to predict. */
  readonly gold_N: Int32Array
  /** The number of the token's example, from 0; without packed rows, b of its row. */
  readonly sequence_N: Int32Array
  /** Position of the predicted token in its example. */
  readonly position_N: Int32Array
  /** Inputs that are not padding, of all rows. */
  readonly tokens: number
}

/** The input of an objective for one micro-batch. */
export interface ObjectiveInput {
  /** At least 1, in the order of the sequences. Read-only. */
  readonly examples: ReadonlyArray<EncodedExample>
  /** Token that fills the right of a row. */
  readonly padId: number
  /** Size of the model's vocabulary. */
  readonly vocabularySize: number
  /** Optimizer steps done so far, from 0, and steps of the whole stage: for schedules. */
  readonly step: number
  readonly steps: number
  /** Seeded by run and micro-batch: a resumed run has the same draws. */
  readonly rng: Rng
}
