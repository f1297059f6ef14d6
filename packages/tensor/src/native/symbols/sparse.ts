/** The functions of a target that is known in part (`native/sparse.h`). */
import { int, long, nothing, pointer } from "../ffi.ts"

export const sparseSymbols = {
  winnow_sparse_rows: { args: [long, long, int, pointer, pointer, pointer, pointer, pointer], returns: nothing },
  winnow_sparse_loss: {
    args: [long, long, int, pointer, pointer, pointer, pointer, pointer, pointer, pointer],
    returns: nothing,
  },
  winnow_sparse_delta: { args: [long, long, int, pointer, pointer, pointer, pointer, pointer], returns: nothing },
} as const
