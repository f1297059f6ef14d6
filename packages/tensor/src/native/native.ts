/** The open native library: the condition and the precision of the fast code, and the memory of its tensors. */
import { type Address, defaultThreads, type NativeInfo, type OpenedNative, openNative } from "@winnow/engine"
import type { Backend } from "../backend.ts"
import { DType, type DTypeName } from "../binding/dtypes.ts"
import type { tf } from "../tf.ts"
import { nativeSources } from "./sources.ts"
import { nativeSymbols } from "./symbols/index.ts"

/** The native library of this process. */
export type Native = OpenedNative<typeof nativeSymbols>

/** Rounding of operands in the native library's matrix products; sums are float32 either way. */
export type Precision = "float32" | "bfloat16"

let opened: Native | undefined
let backend: (() => Backend) | undefined
let plainDepth = 0
let currentPrecision: Precision = "float32"

/** Opens the library for the newly opened engine. Only `openEngine` calls it. @param engine opens the backend if that waits */
export const startNative = async (engine: () => Backend, threads: number | undefined): Promise<NativeInfo> => {
  const library = await openNative({ table: nativeSymbols, sources: nativeSources })
  if ("missing" in library) return library
  library.C.winnow_set_threads(threads ?? defaultThreads())
  opened = library
  backend = engine
  const { variant, path, sources, notes } = library
  return { variant, path, sources, notes }
}

/**
 * The native library, for the fast path of an op: undefined if there is none (no compiler, a GPU computes, switched
 * off), before the engine is open, and inside `withoutNative`.
 */
export const native = (): Native | undefined => (plainDepth === 0 ? opened : undefined)

/** Runs a synchronous `f` with every op on its plain TFJS path. */
export const withoutNative = <T>(f: () => T): T => {
  plainDepth++
  try {
    return f()
  } finally {
    plainDepth--
  }
}

/** The present precision of native products: float32 unless `setPrecision` or `withPrecision` has changed it. */
export const precision = (): Precision => currentPrecision

/** Sets the precision of native products from now on: once at the start of a run. @returns the previous one */
export const setPrecision = (value: Precision): Precision => {
  const before = currentPrecision
  currentPrecision = value
  return before
}

/** Runs a synchronous `f` with native products in precision `value`. */
export const withPrecision = <T>(value: Precision, f: () => T): T => {
  const before = setPrecision(value)
  try {
    return f()
  } finally {
    currentPrecision = before
  }
}

/** @error unless the native library is open: its memory functions work on tensors in the memory of the CPU */
const engine = (): Backend => {
  if (backend === undefined)
    throw new Error("tensor memory has addresses for native code only: check `native()` before `address` and `output`")
  return backend()
}

const single: [tf.Tensor] = [undefined as never]

/**
 * The address of a tensor's elements: row-major, aligned to 64 bytes unless the tensor is a slice of another.
 *
 * Call it again for each use, and keep the tensor alive until the use ends: variables are re-assigned and memory is
 * reused. Other tensors may share the memory, so native code writes only to the results of `output`. Without elements:
 * any address, or 0.
 *
 * @error EngineError if the tensor is disposed; Error if the native library is not open, as with a GPU
 */
export const address = (tensor: tf.Tensor): Address => {
  const be = engine()
  single[0] = tensor
  return be.binding.tensorAddress(be.getInputTensorIds(single)[0]!)
}

/**
 * A new tensor, not zeroed, and the address of its elements (aligned to 64 bytes): native code must write it before any
 * read.
 */
export const output = (
  shape: ReadonlyArray<number>,
  dtype: DTypeName = "float32",
): { readonly tensor: tf.Tensor; readonly address: Address } => {
  const be = engine()
  const { binding } = be
  const id = binding.createUnfilledTensor(shape, DType[dtype])
  return {
    tensor: be.createOutputTensor({ id, shape: shape as Array<number>, dtype: DType[dtype] }),
    address: binding.tensorAddress(id),
  }
}

/**
 * A float32 tensor whose elements lie at a place in memory of ours, without a copy.
 *
 * @param place a multiple of 64; the memory must outlive the tensor
 * @error unless the native library is open
 */
export const tensorOver = (shape: ReadonlyArray<number>, place: Address): tf.Tensor => {
  const be = engine()
  const id = be.binding.tensorOver(shape, place)
  return be.createOutputTensor({ id, shape: [...shape], dtype: DType.float32 })
}
