export { attention, plainAttention, type SequenceFrame, sequenceFrame } from "./attention.ts"
export { chainAttention } from "./chain-attention.ts"
export * from "./circuit.ts"
export * from "./circuit-decoding.ts"
export * from "./circuit-state.ts"
export { type CircuitFrame, circuitOutputs, runCircuit } from "./circuit-tensors.ts"
export { architectureFromConfig, type ConfigKeys } from "./config.ts"
export {
  all,
  type Field,
  generationKeys,
  none,
  refused,
  rotary,
  rotaryFields,
  sizeFields,
  used,
} from "./config-fields.ts"
export * from "./copy-folder.ts"
export { plainDecoding } from "./decoding.ts"
export { embedding, plainEmbedding } from "./embedding.ts"
export * from "./family.ts"
export * from "./files.ts"
export { requireFolder } from "./folder.ts"
export * from "./gated-decoder.ts"
export * from "./gated-options.ts"
export * from "./gated-windows.ts"
export { type GptForm, gptDecoder } from "./gpt-decoder.ts"
export * from "./gpt-options.ts"
export * from "./gpt-rotary-options.ts"
export * from "./head-files.ts"
export type { HeadLayout } from "./head-layout.ts"
export { initialise } from "./initialise.ts"
export * from "./initialise-head.ts"
export { inspectModel, type ModelFacts, type StoredParameter } from "./inspect.ts"
export type { Activation, Description, Instruction, Matrix, Norm, Rotation } from "./instructions.ts"
export * from "./layers.ts"
export * from "./lora.ts"
export * from "./lora-places.ts"
export { makeHead, withTrunk } from "./make-head.ts"
export { type MaskedJudgeOptions, maskedJudge, maskedJudgeFlops } from "./masked-judge.ts"
export * from "./model.ts"
export { frozenMatrix, NativeParameters } from "./native-parameters.ts"
export { hasHeadBias, normal, normalWithBias, ones, parameterCount, zeros } from "./parameters.ts"
export { paddedStarts } from "./positions.ts"
export { loadPrivate, placePrivate, savePrivate } from "./private-files.ts"
export { firstRows, sharedFiles } from "./private-folder.ts"
export { type PrivateHead, withPrivateHead } from "./private-head.ts"
export { saveMixtral } from "./private-mixtral.ts"
export { mergePrivate, type PrivateModel, withPrivate } from "./private-model.ts"
export {
  isPrivate,
  type PrivateForm,
  type PrivateOptions,
  privateArchitecture,
  privateFormOf,
  privateOptions,
  withPrivateFeed,
} from "./private-part.ts"
export { type RopeKinds, ropeByKindReader } from "./rope-by-kind.ts"
export { type RopeConfig, type RopeKeys, ropeReader } from "./rope-config.ts"
export { longRope, type RopeScaling, ropeScaling, scalingFits } from "./rope-scaling.ts"
export { type Rotary, rotaryEmbedding } from "./rotary.ts"
export {
  openSafetensors,
  readSafetensors,
  type SafetensorsFile,
  type TensorSource,
  type WrittenDtype,
  writeSafetensors,
  writtenDtypes,
} from "./safetensors.ts"
export { isRecord } from "./shown.ts"
export { layerCount, size } from "./sizes.ts"
export { architectureOfIds, modelOfIds } from "./smaller-head.ts"
export { headWithBias, reordered, type TensorForm, tensorsOf, transposed } from "./stored.ts"
export { noTokenIds, tokenIds } from "./token-ids.ts"
export * from "./trained-part.ts"
export * from "./turned.ts"
export { commonBuffers } from "./weight-names.ts"
export type { Keep } from "./width-units.ts"
export * from "./widths.ts"
