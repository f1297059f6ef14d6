/**
 * Drafts by their rows: a draft states which hidden states predict which rows of a problem. A model answers with one
 * entry, its own hidden states; a head answers with rows that it computes from the frozen target's.
 *
 * Letters: B sequences, T positions, N valid rows of a problem, M rows of an entry, V vocabulary, d hidden size of an
 * entry, D hidden size of the target, d of `Seen` the columns between the target's layers.
 */
import type { FrozenMatrix, tf } from "@winnow/tensor"
import type { HeadIds } from "./head-ids.ts"
import type { Architecture, Attends, Parameters } from "./model.ts"
import type { Problem } from "./problem.ts"

/** The values that a draft can read. They belong to the step. */
export interface Seen {
  /** Inputs [B, T], int32, padded on the right; packed rows hold several sequences (`start_BT` of the problem). */
  readonly ids: tf.Tensor2D
  /** The frozen target's hidden states after its final norm, [B, T, D], at every position: prompts and padding too. */
  readonly targetHidden: tf.Tensor3D
  /**
   * The frozen target's hidden states between its layers, [B, T, d] each, at every position: those of
   * `HeadArchitecture.layers`, by number as in `Architecture.hiddenByLayer`.
   */
  readonly targetLayers: ReadonlyMap<number, tf.Tensor3D>
  /** The target's token embedding, [V, d] or with a column more: `embedding` of `@winnow/models` takes rows. No gradient. */
  readonly targetEmbedding: FrozenMatrix
  /** The target's vocabulary head, [V, D], frozen: an entry with it gets no gradient by it. */
  readonly targetHead: tf.Tensor2D | tf.Variable
  /**
   * The target's final norm, [N, d] to [N, D], differentiable in the rows; the 1 of a head's bias is behind them. `own` are
   * parameters in the place of the target's, by the names of `Architecture.finalNorm`; it is differentiable in them.
   */
  readonly targetNorm: (x_Nd: tf.Tensor2D, own?: Parameters) => tf.Tensor2D
  /** The text of a token; U+FFFD for a part of a character. */
  readonly pieceOf: PieceOf
}
export type SeenName = keyof Seen
export const seenNames = [
  "ids",
  "targetHidden",
  "targetLayers",
  "targetEmbedding",
  "targetHead",
  "targetNorm",
  "pieceOf",
] as const satisfies ReadonlyArray<SeenName>

/** The text of the token with this id. */
export type PieceOf = (id: number) => string

/** Classes that an entry predicts in the place of tokens. */
export interface OwnClasses {
  /** The gold class of each row, 0 to C - 1, [M]. */
  readonly gold_M: Int32Array
  /** Of a number in bins: the middle of each bin, [C], and the exact number of each row, [M]. */
  readonly numbers?: { readonly middle_C: Float32Array; readonly exact_M: Float32Array } | undefined
}

/** One entry of an answer: hidden states, each of which predicts one row of the problem. */
export interface DraftRows {
  /** [M, d], differentiable in the trained variables. */
  readonly h_Md: tf.Tensor2D
  /** The vocabulary head, [V, d], or [C, d] of `classes`: logits = h . head^T. A frozen head gets no gradient. */
  readonly head_Vd: tf.Tensor2D | tf.Variable
  /** Logits are cap tanh(x / cap) of the products x, as of a model whose architecture says so; the products if left out. */
  readonly logitCap?: number
  /**
   * The ids of the head's rows, where it predicts some of the ids only. Training then leaves out the rows whose gold
   * token is another id, and compares with the target's distribution over these ids.
   */
  readonly headIds?: HeadIds | undefined
  /**
   * Classes of the entry's own in the place of the vocabulary. The target has no distribution over them, so losses and
   * statistics of the draft alone train them.
   */
  readonly classes?: OwnClasses | undefined
  /**
   * The rows of the problem that they predict, increasing; left out: all N, in order. The gold token, the target's
   * distribution and the statistics of an entry's row are those of the problem's row.
   */
  readonly at_M?: Int32Array
  /** A factor above 0 on the weights that the filter gives to these rows; 1 if left out. */
  readonly weight?: number
  /**
   * A further loss of each row, [M], differentiable: it is added to the stage's loss of the row. Filters and statistics
   * do not read it.
   */
  readonly added_M?: tf.Tensor1D
}

/** The sizes of a head's target; a target that was read or made has all of its architecture. */
export type TargetSizes = Pick<Architecture, "hiddenSize" | "vocabularySize"> & Partial<Architecture<Attends>>

/** The rows of a problem that an earlier position can predict, and that position. */
export interface RowsAhead {
  /** Rows of the problem, increasing. */
  readonly at_M: Int32Array
  /** Flat index b T + t of the earlier position of each. */
  readonly row_M: Int32Array
}

/**
 * The rows that the position `ahead` tokens before their own can predict: with 1, the token after next. A row whose
 * earlier position would lie before its sequence is left out, as is a position whose token is not in its sequence.
 */
export const rowsAhead = ({ row_N, position_N }: Pick<Problem, "row_N" | "position_N">, ahead: number): RowsAhead => {
  const at_M = Int32Array.from(row_N.keys().filter((n) => position_N[n]! - 1 - ahead >= 0))
  return { at_M, row_M: at_M.map((n) => row_N[n]! - ahead) }
}
