export * from "./batches.ts"
export { byteCharacters } from "./byte-level.ts"
export * from "./byte-tokenizer.ts"
export { type Codec, type EncodeOptions, makeCodec } from "./codec.ts"
export { type DatasetsOptions, datasetsLayer, makeDatasets } from "./datasets.ts"
export type { DownloadProgress } from "./download.ts"
export * from "./encode.ts"
export * from "./frequent-ids.ts"
export * from "./mixture.ts"
export * from "./packs.ts"
export * from "./preflight.ts"
export * from "./token-contents.ts"
export {
  loadCodec,
  loadTokenizer,
  makeTokenizer,
  type Tokenizer,
  tokenizerFiles,
  tokenizerPath,
} from "./tokenizer.ts"
export { type BpeOptions, trainBpe, trainingBpe } from "./train-bpe.ts"
