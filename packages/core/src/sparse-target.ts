/**
 * A partly known target: the most probable tokens of each row, or a sample, from a cache of signals.
 *
 * Letters: N valid tokens, R rows of a chunk, k entries a row, V vocabulary, p target, q draft.
 */
import type { tf } from "@winnow/tensor"
import type { Categorical } from "./categorical.ts"
import type { RowLoss } from "./known-gradient.ts"

/** Entries of the target's distributions. Sums over the vocabulary become sums of `weight` times a function of the entry. */
export interface SparseTarget {
  /**
   * "top-k": the k most probable tokens, most probable first, each once. "samples": k tokens drawn from p, which may repeat;
   * sums are then unbiased estimates.
   */
  readonly kind: "top-k" | "samples"
  /** Token of each entry, int32. */
  readonly ids_Rk: tf.Tensor2D
  /** p of the token for "top-k", 1 / k for "samples". */
  readonly weight_Rk: tf.Tensor2D
  /** log p of the token, nats, in the whole distribution, not among the entries. */
  readonly logP_Rk: tf.Tensor2D
  /** sum of p over the tokens without an entry, 0 to 1; 0 for "samples", whose weights sum to 1. */
  readonly tail_R: tf.Tensor1D
}

/** The same entries as typed arrays, [N, k] row by row: the input of a fused head. */
export interface SparseRows {
  readonly kind: SparseTarget["kind"]
  readonly k: number
  /** Token of each entry. */
  readonly ids_Nk: Int32Array
  /** p of the token; 1 / k for samples, where several entries may be one token. */
  readonly p_Nk: Float32Array
  /** log p of the token, nats, for both kinds. */
  readonly logP_Nk: Float32Array
  /** sum of p over all other tokens; 0 for samples. */
  readonly tail_N: Float32Array
}

/** Rows of one chunk, with a partly known target. The tensors belong to the caller's tidy. */
export interface SparseChunk {
  readonly draft: Categorical
  readonly sparse: SparseTarget
  /** The gold token of each row, int32. */
  readonly gold_R: tf.Tensor1D
  /** Optimizer steps done so far, from 0, and steps of the whole stage. */
  readonly step: number
  readonly steps: number
}

/**
 * A loss that can be computed from such a target. Only a loss that is linear in p, up to terms without the draft, has
 * an unbiased estimate; for "top-k" the tail counts as one outcome, which never makes a KL divergence larger.
 */
export interface SparseLoss<Own = unknown> {
  /** The loss of each row, [R]. From samples it is an estimate, and may be negative. */
  readonly value: (chunk: SparseChunk & Own) => tf.Tensor1D
  /** Value, and its derivative by the draft's logits row by row. */
  readonly gradient: (chunk: SparseChunk & Own) => RowLoss
}
