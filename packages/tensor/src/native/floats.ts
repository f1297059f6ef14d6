/** Weights in float32 in native memory, for processes that only decode: TensorFlow is not opened for them. */
import { toArrayBuffer } from "bun:ffi"
import type { Address } from "@winnow/engine"
import { fillTensor } from "../tensor-data.ts"
import type { tf } from "../tf.ts"
import { type Native, native } from "./native.ts"
import { ScreenedWeight } from "./native-weight.ts"

const bytesEach = 4

/** One weight of any shape; dispose it. */
export class Floats extends ScreenedWeight {
  private constructor(native: Native, name: string, shape: ReadonlyArray<number>, at: Address) {
    super(native, name, shape, at)
  }

  /**
   * A weight that `fill` writes in place, row-major; its array is void once `fill` returns.
   *
   * @error without native code; where memory does not suffice; what `fill` throws
   */
  static fill(name: string, shape: ReadonlyArray<number>, fill: (values: Float32Array) => void): Floats {
    const open = native()
    if (open === undefined) throw new Error(`${name} needs native code: check \`native()\` before`)
    const size = shape.reduce((a, b) => a * b, 1)
    const at = open.C.winnow_floats_new(size) as Address | null
    if (at === null) throw new Error(`no memory for ${name} of shape [${shape}]`)
    const made = new Floats(open, name, shape, at)
    try {
      fill(made.#values())
      return made
    } catch (error) {
      made.dispose()
      throw error
    }
  }

  #values(): Float32Array {
    const at = this.live() as Parameters<typeof toArrayBuffer>[0]
    return new Float32Array(toArrayBuffer(at, 0, bytesEach * this.size))
  }

  /** The place for native decoding: that of a float32 tensor has no mark either. @error when disposed */
  override get address(): Address {
    return this.live()
  }

  /** Index of the first value that is NaN or infinite; -1 if all are finite. */
  firstNonFinite(): number {
    return this.native.C.winnow_floats_not_finite(this.live(), this.size)
  }

  override widened(): tf.Tensor {
    return fillTensor(this.shape, "float32", (values) => (values as Float32Array).set(this.#values()))
  }

  protected override release(at: Address): void {
    this.freeScreen()
    this.native.C.winnow_rounded_free(at)
  }
}
