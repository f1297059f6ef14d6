/**
 * The rows that a head works on: hidden states of the valid tokens, and what is known of the frozen models at them.
 *
 * Letters: N valid rows, K kept rows, V vocabulary, d and D hidden sizes of draft and target.
 */
import type { ReferenceStatistic, Statistics } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { type CachedRows, takeRows } from "../signals/rows.ts"
import { take } from "../take.ts"

/** Hidden states of the valid rows and the head that turns them into logits. */
export interface Rows {
  readonly h_Nd: tf.Tensor2D
  readonly head_Vd: tf.Tensor2D
  /** True if the head is not trained: its gradient is not computed. */
  readonly headIsFrozen?: boolean
}

/** The reference's statistics of a batch, [N] each. */
export type ReferenceLosses = Partial<Pick<Statistics, ReferenceStatistic>>

/** The inputs of a head. A frozen model that nothing reads is left out. */
export interface Pass {
  readonly draft: Rows
  readonly target?: Rows | undefined
  /** The target from a cache that holds no hidden states: in the place of `target`. */
  readonly cached?: CachedRows | undefined
  readonly reference?: Rows | undefined
  /** The reference's statistics from a cache. */
  readonly known?: ReferenceLosses | undefined
  readonly gold_N: Int32Array
  /** One uniform draw in [0, 1) a row, for losses that sample. */
  readonly uniform_N: Float32Array
}

/** The rows with a weight above 0, in order. */
export const keptRows = (weights_N: Uint8Array | Float32Array): Int32Array => {
  let K = 0
  for (const w of weights_N) if (w > 0) K++
  const kept_K = new Int32Array(K)
  for (let n = 0, k = 0; n < weights_N.length; n++) if (weights_N[n]! > 0) kept_K[k++] = n
  return kept_K
}

/**
 * The pass of some rows, for the loss alone: without the reference. Belongs to the caller's tidy.
 *
 * @param index_K the same rows as a tensor
 * @param withTarget false if the loss reads no target
 */
export const takePass = (pass: Pass, kept_K: Int32Array, index_K: tf.Tensor1D, withTarget: boolean): Pass => {
  const all = kept_K.length === pass.gold_N.length
  const gathered = (rows: Rows): Rows => (all ? rows : { ...rows, h_Nd: tf.gather(rows.h_Nd, index_K) })
  return {
    draft: gathered(pass.draft),
    target: pass.target !== undefined && withTarget ? gathered(pass.target) : undefined,
    cached: pass.cached && !all ? takeRows(pass.cached, kept_K) : pass.cached,
    gold_N: take(pass.gold_N, kept_K),
    uniform_N: take(pass.uniform_N, kept_K),
  }
}
