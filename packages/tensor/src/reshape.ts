/** TFJS's kernel for another shape of a tensor: a view of its memory, where the stock kernel runs an op of TensorFlow. */
import type { KernelConfig, TensorInfo } from "@tensorflow/tfjs"
import type { Backend } from "./backend.ts"
import { DType } from "./binding/dtypes.ts"
import { native } from "./native/native.ts"
import { tf } from "./tf.ts"

const [name, backendName] = ["Reshape", "tensorflow"]

/** TFJS's names of the dtypes whose elements have a fixed width. */
const viewed: Readonly<Record<string, number>> = { float32: DType.float32, int32: DType.int32, bool: DType.bool }

/**
 * Puts the kernel in the place of the stock one, whose op takes longer than the products of a tiny model. The stock one
 * stays for other dtypes, and where no native code runs: on a GPU, whose memory has no views, and in a recording, which
 * consists of ops.
 */
export const registerReshape = (): void => {
  const stock = tf.getKernel(name, backendName)
  const kernelFunc: KernelConfig["kernelFunc"] = (call) => {
    const x = call.inputs["x"] as TensorInfo
    const backend = call.backend as Backend
    const dtype = viewed[x.dtype]
    const [id] = backend.getInputTensorIds([x])
    // TFJS calls int64 int32.
    if (native() === undefined || dtype === undefined || backend.tensorMap.get(x.dataId).dtype !== dtype)
      return stock.kernelFunc(call)
    const size = x.shape.reduce((a, b) => a * b, 1)
    const shape = tf.util.inferFromImplicitShape((call.attrs as unknown as { shape: Array<number> }).shape, size)
    return backend.createOutputTensor({ id: backend.binding.viewTensor(id!, shape), shape, dtype })
  }
  tf.unregisterKernel(name, backendName)
  tf.registerKernel({ kernelName: name, backendName, kernelFunc })
}
