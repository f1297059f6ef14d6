/** The library's threads (`native/pool.h`). */
import { int, nothing } from "../ffi.ts"

export const poolSymbols = {
  /** Threads that parallel loops use, the caller's among them; from 1. */
  winnow_set_threads: { args: [int], returns: nothing },
  winnow_threads: { args: [], returns: int },
} as const
