/** The exports of the binding that are useful outside of it. */
export { attribute, type PartialShape } from "./attributes.ts"
export type { Binding } from "./binding.ts"
export type { Device } from "./context.ts"
export { DType, type DTypeName, dtypeName, type Elements } from "./dtypes.ts"
export { EngineError } from "./status.ts"
export type { Metadata } from "./tensors.ts"
