/** The functions of the fused vocabulary head (`native/head.h`). Each takes the address of a struct. */
import { int, pointer } from "../ffi.ts"

export const headSymbols = {
  winnow_head_statistics: { args: [pointer], returns: int },
  winnow_head_gradient: { args: [pointer], returns: int },
  winnow_head_top: { args: [pointer], returns: int },
} as const
