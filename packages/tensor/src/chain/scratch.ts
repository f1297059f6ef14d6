/** Memory of the values of one chain: few tensors, of which the values are parts. */
import type { Address } from "@winnow/engine"
import { output } from "../native/native.ts"
import type { tf } from "../tf.ts"

/** Elements of a block that values share, 1 MB; a value of half a block or more has a tensor of its own. */
const blockSize = 1 << 18
/** Elements of a cache line: every value begins at one. */
const line = 16

/** Places of float32 elements, not zeroed. Its blocks belong to the caller's tidy. */
export class Scratch {
  /** The tensors that hold the values. */
  readonly blocks: Array<tf.Tensor> = []
  readonly #free = new Map<number, Array<Address>>()
  #next: Address = 0
  #left = 0

  /** A place of `count` elements; a place that was given back comes first. */
  take(count: number): Address {
    const size = Math.ceil(count / line) * line
    const free = this.#free.get(size)?.pop()
    if (free !== undefined) return free
    if (size >= blockSize / 2) return this.#block(size)
    if (size > this.#left) {
      this.#next = this.#block(blockSize)
      this.#left = blockSize
    }
    const at = this.#next
    this.#next += size * Float32Array.BYTES_PER_ELEMENT
    this.#left -= size
    return at
  }

  /** Gives a place of `count` elements back: the next value of its size may lie there. */
  give(at: Address, count: number): void {
    const size = Math.ceil(count / line) * line
    const free = this.#free.get(size)
    if (free === undefined) this.#free.set(size, [at])
    else free.push(at)
  }

  #block(size: number): Address {
    const { tensor, address } = output([size])
    this.blocks.push(tensor)
    return address
  }
}
