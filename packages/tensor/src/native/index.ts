/** What of the native library is useful beyond this folder. */
export {
  type Entries,
  type HeadForm,
  type HeadRows,
  type HeadStatistic,
  headGradient,
  headStatistics,
} from "./head.ts"
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
