/** The parts of the native library: what each exports. A new part is one import and one line. */
import type { Functions } from "../binding/symbols.ts"
import { decodeSymbols } from "./decode.ts"
import { headSymbols } from "./head.ts"
import { kernelSymbols } from "./kernels.ts"
import { poolSymbols } from "./pool.ts"

/** All tables in one. A function, so that a part's file may itself import what is loaded by this table. */
export const nativeSymbols = () => ({
  ...decodeSymbols,
  ...headSymbols,
  ...kernelSymbols,
  ...poolSymbols,
})

/** The library's functions, as they are called. */
export type NativeFunctions = Functions<ReturnType<typeof nativeSymbols>>
