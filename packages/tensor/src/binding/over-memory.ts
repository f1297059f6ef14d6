/** Tensors over memory that is not TensorFlow's. */
import type { Address } from "@winnow/engine"
import type { Runtime } from "./context.ts"
import { DType } from "./dtypes.ts"
import { changesNothing } from "./libc.ts"
import { refuse } from "./status.ts"
import { describe, type Tensors } from "./tensors.ts"

const floatBytes = 4

/**
 * Makes a float32 tensor whose elements lie at a place, without a copy. The memory must outlive the tensor and all others
 * that share it.
 *
 * @param place a multiple of 64
 * @returns its number
 * @error EngineError if a GPU computes, which cannot read there
 */
export const overMemory = (
  { C, arena, status, usesGpu }: Runtime,
  tensors: Tensors,
  shape: ReadonlyArray<number>,
  place: Address,
): number => {
  const call = `a tensor ${describe(DType.float32, shape)} over memory`
  if (usesGpu) throw refuse(call, "the engine computes on a GPU")
  const bytes = shape.reduce((a, b) => a * b, 1) * floatBytes
  arena.reset()
  // TensorFlow calls a function at the end of the tensor, where it would free memory of its own.
  const tensor = C.TF_NewTensor(DType.float32, arena.int64s(shape), shape.length, place, bytes, changesNothing, null)
  if (tensor === null) throw refuse(call, "TensorFlow made none")
  try {
    const handle = C.TFE_NewTensorHandle(tensor, status.address)
    status.check(call)
    return tensors.adopt(handle!, place)
  } finally {
    C.TF_DeleteTensor(tensor)
  }
}
