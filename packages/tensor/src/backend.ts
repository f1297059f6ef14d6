/** TFJS's backend for our binding: the kernels of tfjs-node-gpu, and tensors of dtypes without a TFJS name. */
import { createRequire } from "node:module"
import type { KernelBackend, TensorInfo } from "@tensorflow/tfjs"
import type { Attribute } from "./binding/attributes.ts"
import type { Binding } from "./binding/binding.ts"
import { DType, dtypeName } from "./binding/dtypes.ts"
import type { Metadata, Values } from "./binding/tensors.ts"
import { tf } from "./tf.ts"

const require = createRequire(import.meta.url)

/** The backend's entry of a tensor: its number, or values that wait for their first use. */
export interface TensorData {
  shape: Array<number>
  dtype: number
  values: Values | null
  /** -1 while the values wait. */
  id: number
  refCount: number
}

/** The backend of tfjs-node-gpu, as far as this package uses it. */
export interface Backend extends KernelBackend {
  readonly binding: Binding
  readonly tensorMap: {
    get(dataId: object): TensorData
    has(dataId: object): boolean
    set(dataId: object, data: TensorData): void
  }
  /** The numbers of tensors, after making their waiting values into tensors. @error Error for a disposed tensor */
  getInputTensorIds(tensors: ReadonlyArray<TensorInfo>): Array<number>
  /** Makes a TFJS tensor of an op's output. A dtype without a TFJS name becomes an opaque tensor, "string" to TFJS. */
  createOutputTensor(metadata: Metadata): tf.Tensor
  executeSingleOutput(name: string, attributes: ReadonlyArray<Attribute>, inputs: ReadonlyArray<TensorInfo>): tf.Tensor
  executeMultipleOutputs(
    name: string,
    attributes: ReadonlyArray<Attribute>,
    inputs: ReadonlyArray<TensorInfo>,
    numOutputs: number,
  ): Array<tf.Tensor>
  /** Number of TFJS's buffers, and of those that still wait for their first use. */
  counts(): { readonly binding: Binding; readonly numDataIds: number; readonly waiting: number }
}

/** The parts of the stock backend that are replaced; it is an ES5 class, so they are replaced on the instance. */
interface Stock extends Omit<Backend, "counts"> {
  counts?: Backend["counts"]
  /** Histogram buckets as rows of left edge, right edge, count. */
  buckets(data: tf.Tensor, bucketCount?: number): tf.Tensor
}

/** The dtypes that the stock backend turns into TFJS tensors without a warning. */
const tfjsDtypes = new Set<number>([
  DType.float32,
  DType.int32,
  DType.bool,
  DType.complex64,
  DType.string,
  DType.resource,
  DType.uint8,
])

/** Makes the backend. */
export const makeBackend = (binding: Binding): Backend => {
  const { NodeJSKernelBackend } = require("@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend") as {
    NodeJSKernelBackend: new (binding: Binding, packageName: string) => Stock
  }
  const { Int64Scalar } = require("@tensorflow/tfjs-node-gpu/dist/int64_tensors") as {
    Int64Scalar: new () => TensorInfo & { valueArray: Int32Array }
  }
  const stock = new NodeJSKernelBackend(binding, "@tensorflow/tfjs-node-gpu")
  const { tensorMap } = stock
  let waiting = 0

  const createKnown = stock.createOutputTensor.bind(stock)
  stock.createOutputTensor = (metadata) => {
    if (tfjsDtypes.has(metadata.dtype)) return createKnown(metadata)
    const dataId = {}
    tensorMap.set(dataId, { ...metadata, values: null, refCount: 1 })
    // TFJS calls int64 int32; so does the stock backend, but it warns on the console at every tensor.
    const dtype = metadata.dtype === DType.int64 ? "int32" : "string"
    return tf.engine().makeTensorFromTensorInfo({ dataId, shape: metadata.shape, dtype })
  }

  const move = stock.move.bind(stock)
  stock.move = (...args) => {
    move(...args)
    waiting++
  }

  stock.getInputTensorIds = (tensors) => {
    const ids: Array<number> = []
    for (let i = 0; i < tensors.length; i++) {
      const tensor = tensors[i]!
      if (tensor instanceof Int64Scalar) {
        ids.push(binding.createTensor([], DType.int64, tensor.valueArray))
        continue
      }
      if (!tensorMap.has(tensor.dataId) && !tf.engine().state.tensorInfo.has(tensor.dataId))
        throw new Error(`a disposed tensor (${tensor.dtype}[${tensor.shape}], input ${i}) was given to an op`)
      const info = tensorMap.get(tensor.dataId) // This moves it here if another backend has it.
      if (info.values !== null) {
        info.id = binding.createTensor(info.shape, info.dtype, info.values)
        info.values = null
        waiting--
      }
      ids.push(info.id)
    }
    return ids
  }

  const readSync = stock.readSync.bind(stock)
  stock.readSync = (dataId) => {
    const dtype = tensorMap.has(dataId) ? tensorMap.get(dataId).dtype : DType.float32
    // TFJS would interpret the elements of an opaque tensor as the bytes of strings.
    if (!tfjsDtypes.has(dtype) && dtype !== DType.int64)
      throw new Error(
        `TFJS cannot read a tensor of ${dtypeName(dtype)}: run the op Cast to float32 first, or use readTensor`,
      )
    return readSync(dataId)
  }

  const disposeData = stock.disposeData.bind(stock)
  stock.disposeData = (dataId, force) => {
    // The map's own `get` calls back into TFJS when it has no such buffer.
    const waits = tensorMap.has(dataId) && tensorMap.get(dataId).values !== null
    const disposed = disposeData(dataId, force)
    if (disposed && waits) waiting--
    return disposed
  }

  const buckets = stock.buckets.bind(stock)
  stock.buckets = (data, bucketCount) => {
    // The stock code concatenates scalars for a single value, which current TensorFlow refuses.
    const [low, high] = data.size === 0 ? [0, 1] : [data.min().dataSync()[0]!, data.max().dataSync()[0]!]
    return low === high ? tf.tensor2d([low - 0.5, high + 0.5, data.size], [1, 3]) : buckets(data, bucketCount)
  }

  return Object.assign(stock, { counts: () => ({ binding, numDataIds: stock.numDataIds(), waiting }) })
}
