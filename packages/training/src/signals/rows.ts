/**
 * The target of a batch in the form of a cache, in place of fresh hidden states.
 *
 * Letters: N valid tokens of a batch, k entries a token, V vocabulary, D hidden size of the target.
 */
import type { SparseRows, SparseTarget } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { take } from "../take.ts"

/** All logits of each row, read from the mapped cache when a chunk needs them. */
export interface FullRows {
  readonly kind: "full"
  readonly V: number
  /** [V] of row n. */
  readonly row: (n: number) => Float32Array
}

export type CachedRows = SparseRows | FullRows

/** The kept rows, in order. */
export const takeRows = (rows: CachedRows, kept_K: Int32Array): CachedRows => {
  if (rows.kind === "full") return { ...rows, row: (i) => rows.row(kept_K[i]!) }
  const { k, ids_Nk, p_Nk, logP_Nk, tail_N } = rows
  return {
    ...rows,
    ids_Nk: take(ids_Nk, kept_K, k),
    p_Nk: take(p_Nk, kept_K, k),
    logP_Nk: take(logP_Nk, kept_K, k),
    tail_N: take(tail_N, kept_K),
  }
}

/** Logits of rows [start, start + count), [R, V]. They belong to the caller's tidy. */
export const fullLogits = ({ V, row }: FullRows, start: number, count: number): tf.Tensor2D => {
  const values = new Float32Array(count * V)
  for (let r = 0; r < count; r++) values.set(row(start + r), r * V)
  return tf.tensor2d(values, [count, V])
}

/** Rows [start, start + count) as tensors. They belong to the caller's tidy. */
export const sparseTarget = (rows: SparseRows, start: number, count: number): SparseTarget => {
  const { kind, k, ids_Nk, p_Nk, logP_Nk, tail_N } = rows
  const entries = (values: Float32Array | Int32Array, dtype: "int32" | "float32") =>
    tf.tensor2d(values.subarray(start * k, (start + count) * k), [count, k], dtype)
  return {
    kind,
    ids_Rk: entries(ids_Nk, "int32"),
    weight_Rk: entries(p_Nk, "float32"),
    logP_Rk: entries(logP_Nk, "float32"),
    tail_R: tf.tensor1d(tail_N.subarray(start, start + count)),
  }
}
