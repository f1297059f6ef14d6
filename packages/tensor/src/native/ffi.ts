/**
 * Descriptions of the C functions of the native library for bun:ffi, each part in a separate table:
 *
 *     export const gemmSymbols = { winnow_gemm: { args: [pointer, pointer, long, long], returns: nothing } } as const
 *
 * Numbers go both ways as numbers. A pointer is an address (`address`, `output`), or a typed array that C reads or
 * writes only during the call; beyond some 14 arguments pass the address of a struct.
 */
import { FFIType } from "bun:ffi"

/** An address in C memory: `float*`, `const float*`, a handle; 0 or null is the null pointer. */
export const pointer = "ptr"
/** `int64_t`, and `long` where it has 64 bits (Linux, macOS): whole numbers below 2^53, as numbers. */
export const long = FFIType.i64_fast
/** `int`. */
export const int = "i32"
export const float = "f32"
export const double = "f64"
/** `void`, as a result. */
export const nothing = "void"

/** @error Error unless `status` is 0, the result of a function that found enough memory */
export const completed = (what: string, status: number): void => {
  if (status !== 0)
    throw new Error(
      `${what}: the native library found no memory to work in; free memory, or give it fewer rows at a time`,
    )
}
