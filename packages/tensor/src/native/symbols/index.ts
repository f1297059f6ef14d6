/** The functions that each part of the native library exports: tables without code. A new part is one import and one line. */
import { decodeSymbols } from "./decode.ts"
import { headSymbols } from "./head.ts"
import { kernelSymbols } from "./kernels.ts"
import { poolSymbols } from "./pool.ts"
import { sparseSymbols } from "./sparse.ts"

/** All tables in one. */
export const nativeSymbols = {
  ...decodeSymbols,
  ...headSymbols,
  ...kernelSymbols,
  ...poolSymbols,
  ...sparseSymbols,
} as const
