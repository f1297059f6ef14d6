/**
 * Memory that C may read and write through a pointer.
 *
 * `ptr()` of a small typed array is not stable: the array moves once its `.buffer` is touched. So all memory that C
 * keeps a pointer to lies in large ArrayBuffers that are allocated once, kept referenced, and addressed from within.
 */
import { ptr } from "bun:ffi"
import type { Address } from "@winnow/engine"

const encoder = new TextEncoder()
const nameBlockBytes = 1 << 14
const scratchBytes = 1 << 16

/** One ArrayBuffer, its address, and views of it. Offsets are in bytes. */
interface Block {
  readonly address: Address
  readonly size: number
  readonly bytes: Uint8Array
  readonly i32: Int32Array
  readonly u32: Uint32Array
  readonly f32: Float32Array
}

const block = (least: number): Block => {
  const size = (least + 7) & ~7
  const buffer = new ArrayBuffer(size)
  const bytes = new Uint8Array(buffer)
  return {
    address: ptr(bytes),
    size,
    bytes,
    i32: new Int32Array(buffer),
    u32: new Uint32Array(buffer),
    f32: new Float32Array(buffer),
  }
}

/** Scratch memory for one call at a time, and names that stay for the life of the process. */
export class Arena {
  #scratch = block(scratchBytes)
  #top = 0
  /** Blocks that a call outgrew: C may still hold pointers into them until the call ends. */
  #outgrown: Array<Block> = []

  readonly #names = new Map<string, Address>()
  #nameBlock = block(nameBlockBytes)
  #nameTop = 0
  /** Full blocks of names, referenced for ever because C may keep the pointers. */
  readonly #fullNameBlocks: Array<Block> = []

  /** Starts a call: all earlier scratch contents become invalid. */
  reset(): void {
    this.#top = 0
    if (this.#outgrown.length > 0) this.#outgrown = []
  }

  /** Allocates scratch bytes, aligned to 8; returns their offset in the present block. */
  #take(bytes: number): number {
    const start = this.#top
    const end = (start + bytes + 7) & ~7
    if (bytes < 0x3fff_0000 && end <= this.#scratch.size) {
      this.#top = end
      return start
    }
    if (bytes >= 0x3fff_0000) throw new Error(`an argument of ${bytes} bytes: expected less than 1 GiB`)
    this.#outgrown.push(this.#scratch)
    this.#scratch = block(Math.max(this.#scratch.size * 2, bytes + 8))
    this.#top = (bytes + 7) & ~7
    return 0
  }

  /** Address of zeroed room for pointers or int64s. */
  words(count: number): Address {
    const start = this.#take(count * 8)
    this.#scratch.i32.fill(0, start >> 2, (start >> 2) + count * 2)
    return this.#scratch.address + start
  }

  /** Writes integers as int64_t[]. Each must be a safe integer or a bigint of 64 bits: callers check. */
  int64s(values: ReadonlyArray<number | bigint>): Address {
    const start = this.#take(values.length * 8)
    const { i32, address } = this.#scratch
    for (let i = 0, at = start >> 2; i < values.length; i++, at += 2) {
      const value = values[i]!
      if (typeof value === "bigint") {
        i32[at] = Number(value & 0xffff_ffffn)
        i32[at + 1] = Number((value >> 32n) & 0xffff_ffffn)
      } else {
        i32[at] = value
        i32[at + 1] = Math.floor(value / 0x1_0000_0000)
      }
    }
    return address + start
  }

  /** Writes addresses as void*[] or size_t[]. */
  pointers(values: ReadonlyArray<Address>): Address {
    return this.int64s(values)
  }

  int32s(values: ReadonlyArray<number>): Address {
    const start = this.#take(values.length * 4)
    this.#scratch.i32.set(values, start >> 2)
    return this.#scratch.address + start
  }

  float32s(values: ReadonlyArray<number>): Address {
    const start = this.#take(values.length * 4)
    this.#scratch.f32.set(values, start >> 2)
    return this.#scratch.address + start
  }

  bytes(values: ArrayLike<number>): Address {
    const start = this.#take(values.length)
    this.#scratch.bytes.set(values, start)
    return this.#scratch.address + start
  }

  /** A NUL-terminated string that lives until the call ends. */
  cstring(text: string): Address {
    return this.bytes(encoder.encode(`${text}\0`))
  }

  /** Reads word `index` of the values at an address of the present scratch block. */
  word(address: Address, index: number): Address {
    const at = ((address - this.#scratch.address) >> 2) + index * 2
    return this.#scratch.u32[at]! + this.#scratch.u32[at + 1]! * 0x1_0000_0000
  }

  /** Writes an int32 at an address of the present scratch block. */
  setInt32(address: Address, value: number): void {
    this.#scratch.i32[(address - this.#scratch.address) >> 2] = value
  }

  /** Reads an int32 at an address of the present scratch block. */
  int32(address: Address): number {
    return this.#scratch.i32[(address - this.#scratch.address) >> 2]!
  }

  /** A NUL-terminated name that stays: ops and attributes have few names and C may keep them. */
  name(text: string): Address {
    const cachedAddress = this.#names.get(text)
    if (cachedAddress !== undefined) return cachedAddress
    if (text.includes("\0")) throw new Error(`a name with a zero byte, which ends it in C: ${JSON.stringify(text)}`)
    const bytes = encoder.encode(`${text}\0`)
    if (this.#nameTop + bytes.length > this.#nameBlock.size) {
      this.#fullNameBlocks.push(this.#nameBlock)
      this.#nameBlock = block(Math.max(nameBlockBytes, bytes.length))
      this.#nameTop = 0
    }
    this.#nameBlock.bytes.set(bytes, this.#nameTop)
    const address = this.#nameBlock.address + this.#nameTop
    this.#nameTop += bytes.length
    this.#names.set(text, address)
    return address
  }
}
