/** TFJS's backend for our binding: the kernels of tfjs-node-gpu, and tensors of dtypes that TFJS has no name for. */
import { createRequire } from "node:module"
import type { KernelBackend, TensorInfo } from "@tensorflow/tfjs"
import type { Attribute } from "./binding/attributes.ts"
import type { Binding } from "./binding/binding.ts"
import { DType } from "./binding/dtypes.ts"
import type { Metadata, Values } from "./binding/tensors.ts"
import { tf } from "./tf.ts"

const require = createRequire(import.meta.url)

/** What the backend keeps of a tensor: its number, or values that wait for their first use. */
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
  /** The numbers of tensors, their waiting values made into tensors first. */
  getInputTensorIds(tensors: ReadonlyArray<TensorInfo>): Array<number>
  /** Makes a TFJS tensor of an op's output. A dtype that TFJS does not know becomes an opaque tensor, "string" to TFJS. */
  createOutputTensor(metadata: Metadata): tf.Tensor
  executeSingleOutput(name: string, attributes: ReadonlyArray<Attribute>, inputs: ReadonlyArray<TensorInfo>): tf.Tensor
  executeMultipleOutputs(
    name: string,
    attributes: ReadonlyArray<Attribute>,
    inputs: ReadonlyArray<TensorInfo>,
    numOutputs: number,
  ): Array<tf.Tensor>
}

/** The dtypes that the stock backend turns into TFJS tensors. */
const known = new Set<number>([
  DType.float32,
  DType.int32,
  DType.int64,
  DType.bool,
  DType.complex64,
  DType.string,
  DType.resource,
  DType.uint8,
])

/** Makes the backend. */
export const makeBackend = (binding: Binding): Backend => {
  const { NodeJSKernelBackend } = require("@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend") as {
    NodeJSKernelBackend: new (binding: Binding, packageName: string) => Backend
  }
  const stock = new NodeJSKernelBackend(binding, "@tensorflow/tfjs-node-gpu")
  const createKnown = stock.createOutputTensor.bind(stock)
  stock.createOutputTensor = (metadata) => {
    if (known.has(metadata.dtype)) return createKnown(metadata)
    const dataId = {}
    stock.tensorMap.set(dataId, { ...metadata, values: null, refCount: 1 })
    return tf.engine().makeTensorFromTensorInfo({ dataId, shape: metadata.shape, dtype: "string" })
  }
  return stock
}
