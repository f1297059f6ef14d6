/**
 * Weights that stay in bfloat16, as their file has them, mapped or in native memory: half the bytes of float32. Native decoding widens
 * them in registers, which is exact, so it computes the numbers that the same weights in float32 give.
 *
 * Letters: N outputs (of a table of tokens its rows), K inputs.
 */
import { toArrayBuffer } from "bun:ffi"
import type { Address } from "@winnow/engine"
import { fromBfloat16 } from "@winnow/numerics"
import { fillTensor } from "../tensor-data.ts"
import { tf } from "../tf.ts"
import { address, type Native, native } from "./native.ts"
import { ScreenedWeight } from "./native-weight.ts"

/** The bit of an address that says that halves lie there (`native/decode-linear.h`). */
const tag = 1
const bytesEach = 2

/** A matrix that is read and not trained: a tensor, or halves. */
export type FrozenMatrix = tf.Tensor2D | Halves

/** The place of a matrix for native code that reads both forms. @error when disposed */
export const placeOf = (matrix: FrozenMatrix): Address => (matrix instanceof Halves ? matrix.address : address(matrix))

/** The numbers of a matrix, row-major. */
export const valuesOf = (matrix: FrozenMatrix): Float32Array => {
  if (!(matrix instanceof Halves)) return matrix.dataSync() as Float32Array
  const wide = matrix.widened()
  const values = wide.dataSync() as Float32Array
  wide.dispose()
  return values
}

/** Some rows of a matrix, in this order, as a float32 tensor of the caller's. */
export const rowsOf = (matrix: FrozenMatrix, rows: Int32Array): tf.Tensor2D => {
  if (!(matrix instanceof Halves)) return tf.tidy(() => tf.gather(matrix, tf.tensor1d(rows, "int32")))
  const K = matrix.shape[1]
  return fillTensor([rows.length, K], "float32", (values) => {
    for (const [i, row] of rows.entries())
      fromBfloat16(matrix.row(row), (values as Float32Array).subarray(i * K, (i + 1) * K))
  }) as tf.Tensor2D
}

/** One weight [N, K]; dispose it. */
export class Halves extends ScreenedWeight<readonly [number, number]> {
  private constructor(
    native: Native,
    name: string,
    shape: readonly [number, number],
    at: Address,
    readonly mapped: boolean,
  ) {
    super(native, name, shape, at)
  }

  /** True if a weight of this shape can stay in bfloat16: K is a multiple of 32, and there is native code. */
  static fits(shape: ReadonlyArray<number>): shape is readonly [number, number] {
    return native() !== undefined && shape.length === 2 && shape[0]! > 0 && shape[1]! > 0 && shape[1]! % 32 === 0
  }

  /**
   * A weight that `fill` writes in place, row-major; its array is void once `fill` returns.
   *
   * @error for a shape that does not fit, and where memory does not suffice; what `fill` throws
   */
  static fill(name: string, shape: ReadonlyArray<number>, fill: (values: Uint16Array) => void): Halves {
    if (!Halves.fits(shape))
      throw new Error(`${name} of shape [${shape}] cannot stay in bfloat16: check \`fits\` before`)
    const open = native()!
    const at = open.C.winnow_halves_new(shape[0], shape[1]) as Address | null
    if (at === null) throw new Error(`no memory for ${name} of shape [${shape}] in bfloat16`)
    const made = new Halves(open, name, shape, at, false)
    try {
      fill(new Uint16Array(toArrayBuffer(at as Parameters<typeof toArrayBuffer>[0], 0, bytesEach * made.size)))
      return made
    } catch (error) {
      made.dispose()
      throw error
    }
  }

  /**
   * A weight that lies in an open file from the byte `begin` on: its pages are mapped, not copied. The file may be closed
   * then, and must stay as it is. Undefined where it cannot be mapped.
   *
   * @error for a shape that does not fit
   */
  static map(name: string, shape: ReadonlyArray<number>, file: { readonly fd: number; readonly begin: number }) {
    if (!Halves.fits(shape))
      throw new Error(`${name} of shape [${shape}] cannot stay in bfloat16: check \`fits\` before`)
    const open = native()!
    const at = open.C.winnow_halves_map(file.fd, file.begin, shape[0] * shape[1]) as Address | null
    return at === null ? undefined : new Halves(open, name, shape, at, true)
  }

  /** The place for native decoding, marked as that of halves. @error when disposed */
  override get address(): Address {
    return (this.live() + tag) as Address
  }

  /** One row where it lies: void once the weight is disposed. @error when disposed, or without such a row */
  row(n: number): Uint16Array {
    const [N, K] = this.shape
    if (!(n >= 0 && n < N)) throw new RangeError(`${this.name} has ${N} rows: there is no row ${n}`)
    const at = this.live() + n * K * bytesEach
    return new Uint16Array(toArrayBuffer(at as Parameters<typeof toArrayBuffer>[0], 0, bytesEach * K))
  }

  /** Index of the first value that is NaN or infinite; -1 if all are finite. */
  firstNonFinite(): number {
    return this.native.C.winnow_halves_not_finite(this.live(), this.size)
  }

  override widened(): tf.Tensor2D {
    const tensor = fillTensor(this.shape, "float32", () => {}) as tf.Tensor2D
    this.native.C.winnow_halves_widen(this.live(), this.size, address(tensor))
    return tensor
  }

  protected override release(at: Address): void {
    if (this.mapped) this.native.C.winnow_halves_unmap(at, this.size)
    else this.native.C.winnow_rounded_free(at)
    this.freeScreen()
  }
}
