/**
 * Logits of a native decoder, which stay in native memory: copies of rows, probabilities and draws.
 *
 * Letters: R rows, U rows of the head.
 */
import { toArrayBuffer } from "bun:ffi"
import type { Address } from "@winnow/engine"
import type { Native } from "./native.ts"

const floatBytes = 4
const top = new Float64Array(2)

/** A copy of so many numbers in native memory. */
export const copyAt = (at: Address, numbers: number): Float32Array =>
  new Float32Array(toArrayBuffer(at as Parameters<typeof toArrayBuffer>[0], 0, numbers * floatBytes)).slice()

/** Rows of logits in native memory. */
export class NativeLogits {
  constructor(
    readonly native: Native,
    readonly address: Address,
    readonly R: number,
    readonly U: number,
  ) {}

  /** A copy of one row. */
  row(r: number): Float32Array {
    return copyAt((this.address + r * this.U * floatBytes) as Address, this.U)
  }

  /**
   * exp((logit - largest) / temperature) of one row, divided by their sum, in double precision.
   *
   * @returns null if a logit is NaN or the largest is not finite
   */
  softmax(r: number, temperature: number): Float64Array | null {
    const p_U = new Float64Array(this.U)
    const at = this.address + r * this.U * floatBytes
    return this.native.C.winnow_softmax(at, this.U, temperature, p_U, top) === 1 ? p_U : null
  }

  /**
   * The `count` most probable rows of the head for each row kept, in falling order, the lower of equal ones first, and their
   * probabilities, within 1e-5 of those of `softmax`: both [R, count].
   *
   * @returns rows of -1 where there are fewer, and for logits without a distribution
   */
  likeliest(temperature: number, count: number): { readonly rows: Int32Array; readonly p: Float64Array } {
    const [rows, p] = [new Int32Array(this.R * count), new Float64Array(this.R * count)]
    if (this.native.C.winnow_likeliest(this.address, this.R, this.U, temperature, count, rows, p) !== 0)
      throw new Error(`native decoding: no memory for the best of ${this.R} rows of ${this.U} logits`)
    return { rows, p }
  }

  /**
   * A row of the head for each row kept, by inverse CDF of the probabilities of `softmax`.
   *
   * @param u_R uniform in [0, 1), one a row; below 0 skips the row
   * @returns [R]; -1 for a skipped row, and for logits without a distribution
   */
  draw(temperature: number, u_R: Float64Array): Int32Array {
    const rows_R = new Int32Array(this.R)
    if (this.native.C.winnow_draw(this.address, this.R, this.U, temperature, u_R, rows_R) !== 0)
      throw new Error(`native decoding: no memory for draws from ${this.R} rows of ${this.U} logits`)
    return rows_R
  }
}
