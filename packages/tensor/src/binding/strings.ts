/** String tensors: arrays of TF_TString, TensorFlow's own 24-byte string. */

import type { Address } from "@winnow/engine"
import type { Runtime } from "./context.ts"
import { copyBytes } from "./libc.ts"

/** sizeof(TF_TString), the same on every 64-bit platform. */
export const stringBytes = 24
/** Strings up to this length lie inside the TF_TString; longer ones on the heap. */
export const inlineStringBytes = 22

/** Fills a new string tensor's data. */
export const writeStrings = ({ C }: Runtime, data: Address, values: ReadonlyArray<Uint8Array>): void => {
  for (const [i, value] of values.entries()) {
    const at = data + i * stringBytes
    C.TF_StringInit(at)
    C.TF_StringCopy(at, value, value.length)
  }
}

/** Frees the heap memory of `writeStrings`. */
export const freeStrings = ({ C }: Runtime, data: Address, count: number): void => {
  for (let i = 0; i < count; i++) C.TF_StringDealloc(data + i * stringBytes)
}

/** Copies a string tensor's data out of C memory. */
export const readStrings = ({ C }: Runtime, data: Address, count: number): Array<Uint8Array> =>
  Array.from({ length: count }, (_, i) => {
    const at = data + i * stringBytes
    const value = new Uint8Array(C.TF_StringGetSize(at))
    if (value.length > 0) copyBytes(value, C.TF_StringGetDataPointer(at)!, value.length)
    return value
  })
