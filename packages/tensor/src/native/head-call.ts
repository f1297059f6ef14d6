/**
 * The parts of every call of the fused vocabulary head: its sides, and the words and columns that native code reads.
 *
 * Letters: N rows, V vocabulary, d hidden size.
 */
import { ptr } from "bun:ffi"
import type { tf } from "../tf.ts"
import { type FrozenMatrix, placeOf } from "./halves.ts"
import { address, precision } from "./native.ts"

/** Hidden states, and the head that computes logits from them. */
export interface HeadRows {
  readonly h_Nd: tf.Tensor2D
  readonly head_Vd: FrozenMatrix
  /** Logits are cap tanh(x / cap) of the products x; the products themselves if left out. */
  readonly logitCap?: number | undefined
}

/** The rows of a model whose gradient is computed. */
export interface TrainedRows extends HeadRows {
  readonly head_Vd: tf.Tensor2D
  /** True if the head is not trained: its gradient is not computed. */
  readonly headIsFrozen?: boolean
}

/** Logits of the target from a statistics pass over N rows, for `headGradient`. */
export interface KeptLogits {
  /** Read and disposed only, in its own tidy. */
  readonly memory: tf.Tensor
  readonly N: number
}

/** A struct of 64-bit words, in memory that does not move. */
export const words = (count: number) => {
  const buffer = new ArrayBuffer(count * 8)
  return { integers: new BigInt64Array(buffer), doubles: new Float64Array(buffer) }
}

/** Buffers of running calls. */
const inUse = new Set<ArrayBuffer>()

/** Float32 or Int32 arrays side by side in one buffer that does not move, with their addresses. */
export class Columns {
  readonly #buffer: ArrayBuffer
  readonly #base: bigint
  #used = 0

  constructor(count: number, length: number) {
    this.#buffer = new ArrayBuffer(Math.max(64, count * length * 4))
    this.#base = BigInt(ptr(new Uint8Array(this.#buffer)))
  }

  /** Calls C: the buffer outlives the call, even if only an address refers to it. */
  during(call: () => number): number {
    inUse.add(this.#buffer)
    try {
      return call()
    } finally {
      inUse.delete(this.#buffer)
    }
  }

  next<T extends Float32Array | Int32Array>(
    kind: new (buffer: ArrayBuffer, offset: number, length: number) => T,
    length: number,
  ): readonly [values: T, address: bigint] {
    const at = this.#used
    this.#used += length * 4
    return [new kind(this.#buffer, at, length), this.#base + BigInt(at)]
  }
}

/** Writes a side into its four words. */
export const writeSide = ({ integers, doubles }: ReturnType<typeof words>, at: number, rows: HeadRows) => {
  integers[at] = BigInt(address(rows.h_Nd))
  integers[at + 1] = BigInt(placeOf(rows.head_Vd))
  integers[at + 2] = BigInt(rows.head_Vd.shape[1])
  doubles[at + 3] = rows.logitCap ?? 0
}

/** Rows and vocabulary of all sides. @error Error if they differ */
export const sizesOf = (sides: ReadonlyArray<HeadRows>) => {
  const [N, V] = [sides[0]!.h_Nd.shape[0], sides[0]!.head_Vd.shape[0]]
  for (const { h_Nd, head_Vd } of sides)
    if (h_Nd.shape[0] !== N || head_Vd.shape[0] !== V || h_Nd.shape[1] !== head_Vd.shape[1])
      throw new Error(
        `fused head: hidden states [${h_Nd.shape}] with a head [${head_Vd.shape}] beside [${N}, d] with [${V}, d]; ` +
          "expected as many rows and one vocabulary on every side, and the head's hidden size",
      )
  return { N, V }
}

/** @error Error for another number of tokens than expected, or one that is no id */
export const checkedIds = (what: string, ids: Int32Array, count: number, V: number) => {
  if (ids.length !== count)
    throw new Error(`fused head: ${ids.length} ${what} tokens, expected ${count}: as many for each row`)
  // By index: an iterator takes several times as long, and there are N k of them.
  for (let i = 0; i < count; i++)
    if (ids[i]! < 0 || ids[i]! >= V)
      throw new Error(`fused head: ${what} token ${ids[i]}, expected an id from 0 to ${V - 1}`)
}

/** The word of the present precision. */
export const precisionWord = () => (precision() === "bfloat16" ? 1n : 0n)
