/**
 * Arithmetic of a target that is known in part, k entries a row, on typed arrays (`native/sparse.h`): loops over N k
 * numbers with an exponential each, too many for JavaScript beside the native head.
 *
 * Letters: N rows, K kept rows, k entries a row; p target, q draft.
 */
import type { Native } from "./native.ts"

/** Entries of rows: "top-k" are distinct tokens, and `tail_N` is the mass of the others; "samples" may repeat. */
export interface PartlyKnown {
  readonly kind: "top-k" | "samples"
  readonly k: number
  /** [N, k], row by row. */
  readonly ids_Nk: Int32Array
  readonly p_Nk: Float32Array
  readonly logP_Nk: Float32Array
  readonly tail_N: Float32Array
}

/** @error Error unless an array has this length: native code would read or write past its end */
const checkLength = (what: string, { length }: { readonly length: number }, expected: number): void => {
  if (length !== expected) throw new Error(`entries of a target: ${what} has ${length} numbers, expected ${expected}`)
}

/**
 * Writes the rows of a cache into columns, from row `first` on: ids, log p, and for a top k p = exp(log p) and the tail.
 *
 * @param bytes whole rows of 2 k words, and one more for a top k's tail; aligned to 4 bytes
 * @error Error for bytes that are no whole rows, or for rows beyond the columns
 */
export const sparseRowsInto = (
  { C }: Native,
  { kind, k, ids_Nk, p_Nk, logP_Nk, tail_N }: PartlyKnown,
  bytes: Uint8Array,
  first: number,
): void => {
  const top = kind === "top-k"
  const count = bytes.length / (8 * k + (top ? 4 : 0))
  if (!Number.isInteger(count) || first + count > tail_N.length || bytes.byteOffset % 4 !== 0)
    throw new Error(
      `entries of a target: ${bytes.length} bytes from row ${first} of ${tail_N.length}, k = ${k}; expected whole rows among these`,
    )
  for (const [what, values] of Object.entries({ ids_Nk, p_Nk, logP_Nk })) checkLength(what, values, k * tail_N.length)
  if (count === 0) return
  const at = first * k
  C.winnow_sparse_rows(
    ...([count, k, top ? 1 : 0, bytes] as const),
    ...([ids_Nk.subarray(at), logP_Nk.subarray(at), p_Nk.subarray(at), tail_N.subarray(first)] as const),
  )
}

/**
 * The loss sum p (log p - log q) of each row, a top k's tail as one outcome, with the log-sum-exp of all logits. Sums
 * are in double.
 *
 * @param logits_Nk the draft's logits at the entries
 * @param rest_N log-sum-exp of the tokens without an entry, below -1e30 for none; for samples, of all tokens
 */
export const sparseLoss = (
  { C }: Native,
  { kind, k, p_Nk, logP_Nk, tail_N }: PartlyKnown,
  logits_Nk: Float32Array,
  rest_N: Float32Array,
): { readonly lse_N: Float32Array; readonly loss_N: Float32Array } => {
  const N = rest_N.length
  for (const [what, values] of Object.entries({ p_Nk, logP_Nk, logits_Nk })) checkLength(what, values, N * k)
  checkLength("tail_N", tail_N, N)
  const [lse_N, loss_N] = [new Float32Array(N), new Float32Array(N)]
  const top = kind === "top-k" ? 1 : 0
  if (N > 0) C.winnow_sparse_loss(N, k, top, p_Nk, logP_Nk, tail_N, logits_Nk, rest_N, lse_N, loss_N)
  return { lse_N, loss_N }
}

/** The gradient at the entries, [K, k]: weight (q - p) for a top k, - weight p for samples. */
export const sparseDelta = (
  { C }: Native,
  { kind, k, p_Nk }: Pick<PartlyKnown, "kind" | "k" | "p_Nk">,
  logits_Kk: Float32Array,
  lse_K: Float32Array,
  weight_K: Float32Array,
): Float32Array => {
  const K = weight_K.length
  for (const [what, values] of Object.entries({ p_Nk, logits_Kk })) checkLength(what, values, K * k)
  checkLength("lse_K", lse_K, K)
  const delta_Kk = new Float32Array(K * k)
  if (K > 0) C.winnow_sparse_delta(K, k, kind === "top-k" ? 1 : 0, logits_Kk, lse_K, p_Nk, weight_K, delta_Kk)
  return delta_Kk
}
