/**
 * The state of a decoder over one batch of texts.
 *
 * Letters: B sequences, T positions, R rows asked for, d hidden size.
 */
import type { tf } from "@winnow/tensor"

/** Nodes behind the text in a cache: each attends to the text and to its own path. */
export interface CachedTree {
  /** Positions of the text before them. */
  readonly base: number
  /** For each node the node that it follows, -1 for the text. */
  readonly parents: ReadonlyArray<number>
  /** For each node the number of nodes before it on its path: its position is base + depth. */
  readonly depths: ReadonlyArray<number>
}

/** Logits of some rows, for random tokens. Invalid after the next use of the decoding state. */
export interface LogitRows {
  readonly row: (r: number) => Float32Array
  /** exp((logit - largest) / temperature) over their sum; null if a logit is NaN or the largest is not finite. */
  readonly softmax: (r: number, temperature: number) => Float64Array | null
  /**
   * The `count` most probable rows of the head after each row [R, count], in falling order, the lower of equal ones first,
   * with their probabilities, within 1e-5 of those of `softmax`. -1 where there are fewer, and for a row without a
   * distribution. Left out: `softmax` has them all.
   */
  readonly likeliest?: (
    temperature: number,
    count: number,
  ) => { readonly rows: ArrayLike<number>; readonly p: ArrayLike<number> }
  /**
   * A row of the head for each row, by inverse CDF of its `softmax`.
   *
   * @param u_R uniform in [0, 1), one a row; below 0 skips the row
   * @returns rows of the head [R]; -1 for a skipped row, and for one without a distribution
   */
  readonly draw: (temperature: number, u_R: Float64Array) => ArrayLike<number>
}

/**
 * Computes logits after the last `rows` positions of each sequence (R = B rows in all) from tokens, without
 * intermediate tensors. A row's numbers depend only on its own sequence, bit by bit. They are those of the head's rows:
 * `choicesAfter` and `distributionsAfter` of `@winnow/generation` give ids. `parents` is as in `Decoding.extend`.
 */
export interface QuickDecoding {
  /** The most probable row of the head, the lowest among equal ones; the margin to the second on request. */
  readonly greedy: (
    ids_BT: Int32Array,
    B: number,
    rows: number,
    margins: boolean,
    parents?: Int32Array,
  ) => { readonly argmax: Int32Array; readonly margin: Float32Array }
  readonly logits: (ids_BT: Int32Array, B: number, rows: number, parents?: Int32Array) => LogitRows
  /**
   * The same of several states of one model in one pass over its weights: each of one sequence, without padding, kept layers
   * or an open tree, the first one this state. The rows of a part follow those of the part before; their numbers are those
   * of a call on each alone. Left out: each is called alone.
   */
  readonly together?: {
    readonly greedy: (
      parts: ReadonlyArray<StatePart>,
      margins: boolean,
    ) => { readonly argmax: Int32Array; readonly margin: Float32Array }
    readonly logits: (parts: ReadonlyArray<StatePart>) => LogitRows
  }
}

/** The part of one of several states in a call: its next tokens, and the number of last positions whose rows are asked for. */
export interface StatePart {
  readonly decoding: Decoding
  readonly ids: Int32Array
  readonly rows: number
}

/**
 * A place in a model where hidden states are read: "last" is after the final norm, as `Encoder.hidden` gives them; l is
 * entry l of `hiddenByLayer`, 0 for the embedding and l after layer l, below the number of layers.
 */
export type TargetLayer = "last" | number

/** A decoding state: the cache of one batch, which can be extended and rolled back. */
export interface Decoding {
  /** Number of stored positions, left padding included. */
  readonly length: number
  /**
   * Runs the model on the next tokens [B, T'] and returns their hidden states [B, T', d].
   *
   * @param parents of one sequence: its last tokens are nodes of a tree behind the text, which is open until the next
   *   `rollback`. An entry is the node that the token follows, counted from the first node of the tree, or -1 for the text.
   *   A node attends to the text and its own path, and its numbers are those of that path as a text
   */
  readonly extend: (ids_BT: tf.Tensor2D, parents?: Int32Array) => tf.Tensor3D
  /**
   * Drops all positions from `length` on. An open tree ends; its nodes of `path`, each behind the one before, become text
   * behind the first `length` positions.
   */
  readonly rollback: (length: number, path?: Int32Array) => void
  readonly dispose: () => void
  /** Present if decoding runs natively. */
  readonly quick?: QuickDecoding
  /**
   * Present if the state was begun with layers to keep: their states at all positions of the last call, [B, T, d] each;
   * a roll-back leaves them, the next call does not.
   * @error Error for a layer that is not kept, and before the first call
   */
  readonly kept?: (layer: TargetLayer) => Float32Array
}
