/**
 * Weights in 8 bits by blocks, for native decoding: 32 numbers of a row share a scale (`native/decode-blocks.h`). A number takes
 * 1.06 bytes. Products round their inputs in the same way.
 *
 * Letters: N outputs (of a table of tokens its rows), K inputs.
 */
import type { Address } from "@winnow/engine"
import { fillTensor } from "../tensor-data.ts"
import type { tf } from "../tf.ts"
import { address, type Native, native } from "./native.ts"
import { NativeWeight } from "./native-weight.ts"

/** The bit of an address that says that blocks lie there (`native/variant.h`). */
const tag = 2

/** One weight [N, K]; dispose it. */
export class Blocks extends NativeWeight<readonly [number, number]> {
  private constructor(native: Native, name: string, shape: readonly [number, number], at: Address) {
    super(native, name, shape, at)
  }

  /** True if a weight of this shape can be in blocks: a matrix, and there is native code. */
  static fits(shape: ReadonlyArray<number>): shape is readonly [number, number] {
    return native() !== undefined && shape.length === 2 && shape[0]! > 0 && shape[1]! > 0
  }

  /** A weight without numbers yet: `set` all its rows. @error for a shape that does not fit; without memory */
  static empty(name: string, shape: ReadonlyArray<number>): Blocks {
    if (!Blocks.fits(shape)) throw new Error(`${name} of shape [${shape}] cannot be in 8 bits: check \`fits\` before`)
    const open = native()!
    const at = open.C.winnow_blocks_new(shape[0], shape[1]) as Address | null
    if (at === null) throw new Error(`no memory for ${name} of shape [${shape}] in 8 bits`)
    return new Blocks(open, name, shape, at)
  }

  /**
   * Rounds the rows from `from` on.
   *
   * @param values whole rows, row-major
   * @returns the index of the first value that is NaN or infinite, -1 if all are finite
   */
  set(from: number, values: Float32Array): number {
    const [N, K] = this.shape
    const rows = values.length / K
    if (!(Number.isInteger(rows) && rows > 0 && from >= 0 && from + rows <= N))
      throw new RangeError(`${this.name} [${N}, ${K}]: ${values.length} values are no rows from row ${from} on`)
    return this.native.C.winnow_blocks_set(this.live(), K, from, rows, values)
  }

  /** The place for native decoding, marked as that of blocks. @error when disposed */
  override get address(): Address {
    return (this.live() + tag) as Address
  }

  /** The rounded numbers as a float32 tensor of their own. */
  override widened(): tf.Tensor2D {
    const tensor = fillTensor(this.shape, "float32", () => {}) as tf.Tensor2D
    this.native.C.winnow_blocks_widen(this.live(), this.shape[1], 0, this.shape[0], address(tensor))
    return tensor
  }

  /** None: a head of blocks has as many bytes as its screen would have. */
  override screen(): null {
    return null
  }

  protected override release(at: Address): void {
    this.native.C.winnow_rounded_free(at)
  }
}
