/** The elements of tensors without a copy in JavaScript: they are filled and read in place. */

import { DType, type DTypeName, type Elements } from "./binding/dtypes.ts"
import { backend } from "./engine.ts"
import type { tf } from "./tf.ts"

/**
 * Makes a tensor whose memory `fill` writes in place: hundreds of megabytes of weights never exist twice.
 *
 * @param dtype of fixed width. One without a TFJS name (bfloat16, float16, int8, ...) gives an opaque tensor: TFJS
 *   can keep, tidy and dispose it, and ops run by name take it; its TFJS dtype reads "string"
 * @param fill gets an array of the dtype's kind (bfloat16 and float16 as Uint16Array, complex64 as pairs) over the
 * tensor's
 *   own memory, not zeroed; detached on return
 * @error EngineError for negative dimensions, a dtype without fixed width, too little memory; errors of `fill`
 */
export const fillTensor = (
  shape: ReadonlyArray<number>,
  dtype: DTypeName,
  fill: (values: Elements) => void,
): tf.Tensor => {
  const be = backend()
  const id = be.binding.createFilledTensor(shape, DType[dtype], fill)
  return be.createOutputTensor({ id, shape: [...shape], dtype: DType[dtype] })
}

/**
 * Makes a tensor from a view of bytes, such as a part of a mapped file; one copy, into the tensor.
 *
 * @param bytes little-endian elements, aligned or not
 * @error RangeError if the number of bytes is not the shape's; EngineError as in `fillTensor`
 */
export const tensorFromBytes = (bytes: Uint8Array, shape: ReadonlyArray<number>, dtype: DTypeName): tf.Tensor =>
  fillTensor(shape, dtype, (values) => {
    if (values.byteLength !== bytes.length)
      throw new RangeError(
        `a ${dtype} tensor of shape [${shape.join(", ")}] has ${values.byteLength} bytes, ${bytes.length} were given`,
      )
    new Uint8Array(values.buffer).set(bytes)
  })

/**
 * Reads a tensor's elements in place; on a GPU they are copied to the host first.
 *
 * @param read gets an array of the dtype's kind, valid until `read` returns. Only read it: other tensors may share the
 * memory
 * @error EngineError if the tensor is disposed, or of strings or resources
 */
export const readTensor = <T>(tensor: tf.Tensor, read: (values: Elements) => T): T => {
  const be = backend()
  const [id] = be.getInputTensorIds([tensor])
  return be.binding.lendTensor(id!, read)
}

/** Like `readTensor`, as bytes: the form of a file of weights. */
export const tensorBytes = <T>(tensor: tf.Tensor, read: (bytes: Uint8Array) => T): T =>
  readTensor(tensor, ({ buffer, byteOffset, byteLength }) => read(new Uint8Array(buffer, byteOffset, byteLength)))
