/**
 * The functions of a loss, and the chunk of rows that they receive.
 *
 * Letters: R rows of a chunk, V vocabulary, M numbers a row that a loss sums over the batch first.
 */
import type { tf } from "@winnow/tensor"
import type { Categorical } from "./categorical.ts"
import type { FusedLoss } from "./fused-loss.ts"
import type { SparseLoss } from "./sparse-target.ts"

/** Rows of one chunk. The tensors belong to the caller's tidy. */
export interface LossChunk<WithTarget extends boolean = boolean> {
  readonly draft: Categorical
  /** The target's distributions; absent if the loss needs none. */
  readonly target: WithTarget extends true ? Categorical : undefined
  /** The gold token of each row, int32. */
  readonly gold_R: tf.Tensor1D
  /** One uniform draw in [0, 1) a row, for losses that sample: the same for `batch.rows`, value and gradient. */
  readonly uniform_R: Float32Array
  /** Optimizer steps done so far, from 0, and steps of the whole stage: for a loss that changes on a schedule. */
  readonly step: number
  readonly steps: number
  /** The result of `batch.combine`; empty for a loss without batch statistics. */
  readonly batch: ReadonlyArray<number>
}

/**
 * A loss with its options fixed. All functions are synchronous and called inside a `tf.tidy`. If a loss names services
 * of its own, a chunk has each under its name.
 */
export interface LossFunctions<WithTarget extends boolean, Own = unknown> {
  /** The loss of each row, [R]; 0 or more, and 0 for a perfect draft, unless the loss documents otherwise. */
  readonly value: (chunk: LossChunk<WithTarget> & Own) => tf.Tensor1D
  /**
   * Value, and its derivative by the draft's logits row by row: gradient_RV[i, v] = d loss_R[i] / d logits[i, v].
   * Without it the step differentiates `value` by autodiff, on the chunk: correct, slower.
   */
  readonly gradient?: (chunk: LossChunk<WithTarget> & Own) => {
    readonly loss_R: tf.Tensor1D
    readonly gradient_RV: tf.Tensor2D
  }
  /** Statistics of the whole micro-batch that must be known before any row's value (TVD++). */
  readonly batch?: {
    /** M numbers a row, [R, M]; they are summed over the rows of the pass. */
    readonly rows: (chunk: LossChunk<WithTarget> & Own) => tf.Tensor2D
    /** Maps the M sums (double precision) and the number of rows to the value of `chunk.batch`. */
    readonly combine: (sum_M: Float64Array, rows: number) => ReadonlyArray<number>
  }
  /**
   * The loss from the target's top k with tail, or from samples. A loss without it is refused if the target comes from
   * such a cache.
   */
  readonly sparse?: SparseLoss<Own>
  /**
   * The form of the loss in the native vocabulary head, which then computes it without logits in memory. Without it, or
   * without the native library, `value` and `gradient` run on chunks of logits.
   */
  readonly fused?: FusedLoss
}
