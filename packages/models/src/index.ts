export {
  causalAttention,
  type HeadLayout,
  plainCausalAttention,
  type SequenceFrame,
  sequenceFrame,
} from "./attention.ts"
export { architectureFromConfig, modelTypes } from "./config.ts"
export { generationKeys } from "./config-fields.ts"
export { embedding, plainEmbedding } from "./embedding.ts"
export * from "./files.ts"
export * from "./gpt-neox.ts"
export * from "./initialise.ts"
export * from "./layers.ts"
export * from "./llama.ts"
export * from "./lora.ts"
export * from "./lora-places.ts"
export * from "./model.ts"
export { flopsPerToken, parameterCount } from "./parameters.ts"
export { type Rotary, rotaryEmbedding } from "./rotary.ts"
export {
  openSafetensors,
  readSafetensors,
  type SafetensorsFile,
  type TensorSource,
  writeSafetensors,
} from "./safetensors.ts"
export * from "./trained-part.ts"
