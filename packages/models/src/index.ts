export { architectureFromConfig, modelTypes } from "./config.ts"
export * from "./files.ts"
export * from "./gpt-neox.ts"
export * from "./initialise.ts"
export * from "./llama.ts"
export * from "./model.ts"
export { flopsPerToken, parameterCount } from "./parameters.ts"
export {
  openSafetensors,
  readSafetensors,
  type SafetensorsFile,
  type TensorSource,
  writeSafetensors,
} from "./safetensors.ts"
