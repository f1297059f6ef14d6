/**
 * The most probable tokens of rows by the native head, without logits in memory (`native/head-top.cpp`).
 *
 * Letters: N rows, V vocabulary, D hidden size, k tokens a row.
 */
import { ptr } from "bun:ffi"
import { completed } from "./ffi.ts"
import { type HeadRows, precisionWord, words, writeSide } from "./head-call.ts"
import type { Native } from "./native.ts"

/** The struct of C: 64-bit words, in memory that does not move. */
const call = words(12)

/**
 * Writes the k most probable tokens of each row, most probable first, of equal ones the lowest id first: k ids, k times
 * log p in float32, and the mass of all other tokens, which is 0 for k = V and else exact to its own rounding.
 *
 * The product is in the current `precision`. The bits do not depend on the number of threads.
 *
 * @param into [N, 2 k + 1], written
 * @error Error for rows that do not fit the head, for k outside 1 to V, for `into` of another length, or without memory
 */
export const headTop = (native: Native, rows: HeadRows, k: number, into: Int32Array): void => {
  const [N, D] = rows.h_Nd.shape
  const V = rows.head_Vd.shape[0]
  if (rows.head_Vd.shape[1] !== D)
    throw new Error(`most probable tokens: hidden states [${N}, ${D}] with a head [${rows.head_Vd.shape}]`)
  if (!(Number.isInteger(k) && k >= 1 && k <= V))
    throw new Error(`most probable tokens: k = ${k} of ${V} tokens; expected a whole number from 1 to ${V}`)
  const stride = 2 * k + 1
  if (into.length !== N * stride)
    throw new Error(`most probable tokens: ${into.length} words for ${N} rows of ${stride}; expected ${N * stride}`)
  if (N === 0) return
  const at = BigInt(ptr(into))
  const { integers } = call
  integers.set([precisionWord(), BigInt(N), BigInt(V)])
  writeSide(call, 3, rows)
  integers.set([BigInt(k), BigInt(stride), at, at + BigInt(4 * k), at + BigInt(8 * k)], 7)
  completed("most probable tokens", native.C.winnow_head_top(integers))
}
