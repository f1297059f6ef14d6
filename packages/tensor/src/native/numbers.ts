/** Numbers of files in float32, and the search for values that are not finite: on all threads, where there is native code. */
import { native } from "./native.ts"

/** Operations on arrays of the caller's. */
export interface NativeNumbers {
  /** Index of the first value that is NaN or infinite; -1 if all are finite. */
  readonly firstNonFinite: (values: Float32Array) => number
  /** Writes the values of bfloat16 numbers into `into` of the same length; exact. */
  readonly fromBfloat16: (from: Uint16Array, into: Float32Array) => void
  /** Writes the values of float16 numbers into `into` of the same length; exact. */
  readonly fromFloat16: (from: Uint16Array, into: Float32Array) => void
}

const sameLength = (from: Uint16Array, into: Float32Array): void => {
  if (from.length !== into.length)
    throw new RangeError(`${from.length} numbers have no place in an array of ${into.length}`)
}

/** The operations; undefined without native code. */
export const nativeNumbers = (): NativeNumbers | undefined => {
  const open = native()
  return (
    open && {
      firstNonFinite: (values) => (values.length === 0 ? -1 : open.C.winnow_floats_not_finite(values, values.length)),
      fromBfloat16: (from, into) => {
        sameLength(from, into)
        if (from.length > 0) open.C.winnow_halves_widen(from, from.length, into)
      },
      fromFloat16: (from, into) => {
        sameLength(from, into)
        if (from.length > 0) open.C.winnow_float16_widen(from, from.length, into)
      },
    }
  )
}
