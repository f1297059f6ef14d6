/** The part of the native library that is useful beyond this folder. */
export { Blocks } from "./blocks.ts"
export {
  type DecoderWeights,
  type GreedyRows,
  NativeDecoder,
  type NativeProgram,
  nativeDecodingInUse,
} from "./decoder.ts"
export { Floats } from "./floats.ts"
export { type FrozenMatrix, Halves, placeOf, rowsOf, valuesOf } from "./halves.ts"
export { type Entries, type HeadStatistic, headStatistics } from "./head.ts"
export type { HeadRows, KeptLogits, TrainedRows } from "./head-call.ts"
export { type HeadForm, headGradient } from "./head-gradient.ts"
export { headTop } from "./head-top.ts"
export {
  address,
  type Native,
  native,
  output,
  type Precision,
  precision,
  setPrecision,
  withoutNative,
  withPrecision,
} from "./native.ts"
export { NativeLogits } from "./native-logits.ts"
export { NativeWeight } from "./native-weight.ts"
export { type NativeNumbers, nativeNumbers } from "./numbers.ts"
export { freeOfWeights } from "./of-weights.ts"
export { sparseDelta, sparseLoss, sparseRowsInto } from "./sparse.ts"
export { weightsWritten } from "./weights-version.ts"
