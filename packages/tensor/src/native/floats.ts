/** Weights in float32 in native memory, for processes that only decode: TensorFlow is not opened for them. */
import { toArrayBuffer } from "bun:ffi"
import type { Address } from "@winnow/engine"
import { fillTensor } from "../tensor-data.ts"
import type { tf } from "../tf.ts"
import { type Native, native } from "./native.ts"
import { ScreenedWeight } from "./native-weight.ts"

const bytesEach = 4
/** A float takes the bytes of two halves. */
const halvesEach = 2

const sizeOf = (shape: ReadonlyArray<number>): number => shape.reduce((a, b) => a * b, 1)

const nativeFor = (name: string): Native => {
  const open = native()
  if (open === undefined) throw new Error(`${name} needs native code: check \`native()\` before`)
  return open
}

/** One weight of any shape; dispose it. */
export class Floats extends ScreenedWeight {
  private constructor(
    native: Native,
    name: string,
    shape: ReadonlyArray<number>,
    at: Address,
    readonly mapped: boolean,
  ) {
    super(native, name, shape, at)
  }

  /**
   * A weight that lies in an open file from the byte `begin` on: its pages are mapped, not copied. The file may be closed
   * then, and must stay as it is. Undefined where it cannot be mapped.
   *
   * @error without native code
   */
  static map(
    name: string,
    shape: ReadonlyArray<number>,
    file: { readonly fd: number; readonly begin: number },
  ): Floats | undefined {
    const open = nativeFor(name)
    const at = open.C.winnow_halves_map(file.fd, file.begin, halvesEach * sizeOf(shape)) as Address | null
    return at === null ? undefined : new Floats(open, name, shape, at, true)
  }

  /**
   * A weight that `fill` writes in place, row-major; its array is void once `fill` returns.
   *
   * @error without native code; where memory does not suffice; what `fill` throws
   */
  static fill(name: string, shape: ReadonlyArray<number>, fill: (values: Float32Array) => void): Floats {
    const open = nativeFor(name)
    const at = open.C.winnow_floats_new(sizeOf(shape)) as Address | null
    if (at === null) throw new Error(`no memory for ${name} of shape [${shape}]`)
    const made = new Floats(open, name, shape, at, false)
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
    if (this.mapped) this.native.C.winnow_halves_unmap(at, halvesEach * this.size)
    else this.native.C.winnow_rounded_free(at)
  }
}
