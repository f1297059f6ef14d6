/** What of the native library is useful beyond this folder. */
export {
  address,
  type Native,
  type NativeInfo,
  native,
  output,
  type Precision,
  precision,
  setPrecision,
  withoutNative,
  withPrecision,
} from "./native.ts"
export type { MissingNative } from "./open.ts"
export type { Variant } from "./variant.ts"
