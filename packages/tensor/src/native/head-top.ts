/**
 * The most probable tokens of rows by the native head, without logits in memory (`native/head-top.cpp`).
 *
 * Letters: N rows, V vocabulary, D hidden size, k tokens a row.
 */
import { ptr } from "bun:ffi"
import { completed } from "./ffi.ts"
import { placeOf } from "./halves.ts"
import type { HeadRows } from "./head-call.ts"
import { address, type Native, precision } from "./native.ts"

/** The struct of C: 64-bit words, in memory that does not move. */
const call = new BigInt64Array(11)

/**
 * Writes the k most probable tokens of each row, most probable first, of equal ones the lowest id first: k ids, k times
 * log p in float32, and the mass of all other tokens, which is 0 for k = V and else exact to its own rounding.
 *
 * The product is in the current `precision`. The bits do not depend on the number of threads.
 *
 * @param words [N, 2 k + 1], written
 * @error Error for rows that do not fit the head, for k outside 1 to V, for `words` of another length, or without memory
 */
export const headTop = (native: Native, rows: HeadRows, k: number, words: Int32Array): void => {
  const [N, D] = rows.h_Nd.shape
  const V = rows.head_Vd.shape[0]
  if (rows.head_Vd.shape[1] !== D)
    throw new Error(`most probable tokens: hidden states [${N}, ${D}] with a head [${rows.head_Vd.shape}]`)
  if (!(Number.isInteger(k) && k >= 1 && k <= V))
    throw new Error(`most probable tokens: k = ${k} of ${V} tokens; expected a whole number from 1 to ${V}`)
  const stride = 2 * k + 1
  if (words.length !== N * stride)
    throw new Error(`most probable tokens: ${words.length} words for ${N} rows of ${stride}; expected ${N * stride}`)
  if (N === 0) return
  const at = BigInt(ptr(words))
  call.set([precision() === "bfloat16" ? 1n : 0n, BigInt(N), BigInt(V)])
  call.set([BigInt(address(rows.h_Nd)), BigInt(placeOf(rows.head_Vd)), BigInt(D)], 3)
  call.set([BigInt(k), BigInt(stride), at, at + BigInt(4 * k), at + BigInt(8 * k)], 6)
  completed("most probable tokens", native.C.winnow_head_top(call))
}
