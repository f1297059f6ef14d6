/** tfjs-node-gpu's `TFJSBinding` without its saved models, in TypeScript over libtensorflow's C API. */
import type { TFJSBinding } from "@tensorflow/tfjs-node-gpu/dist/tfjs_binding"
import type { Address } from "@winnow/engine"
import { type Attribute, AttributeType } from "./attributes.ts"
import type { SessionConfig } from "./config.ts"
import { type Device, openRuntime } from "./context.ts"
import { DType, type Elements } from "./dtypes.ts"
import { Executor } from "./execute.ts"
import { overMemory } from "./over-memory.ts"
import type { Seat } from "./server-def.ts"
import type { LibraryFiles } from "./symbols.ts"
import { type Metadata, Tensors, type Values } from "./tensors.ts"

/** Calls with other types here, and calls for saved models, which Winnow does not load. */
type Left =
  | "createTensor"
  | "tensorDataSync"
  | "executeOp"
  | "loadSavedModel"
  | "deleteSavedModel"
  | "runSavedModel"
  | "getNumOfSavedModels"

/** The binding that TFJS's kernels use, with additions beyond them. */
export interface Binding extends Omit<TFJSBinding, Left> {
  /** Makes a tensor of values, which are copied; see `Tensors.create`. */
  createTensor(shape: ReadonlyArray<number>, dtype: number, values: Values): number
  /** A copy of a tensor's elements, in the array of its dtype; see `Tensors.data`. TFJS's own type leaves most out. */
  tensorDataSync(id: number): Float32Array | Int32Array | Uint8Array
  executeOp(
    name: string,
    attributes: ReadonlyArray<Attribute>,
    inputs: ReadonlyArray<number>,
    outputs: number,
  ): Array<Metadata>
  /** Starts an op on a second thread; see `Executor.start`. */
  startOp(
    name: string,
    attributes: ReadonlyArray<Attribute>,
    inputs: ReadonlyArray<number>,
    output: Omit<Metadata, "id">,
  ): Metadata
  /** Waits for the started ops; see `Executor.finish`. */
  finishOps(call: string): void
  /** Adds a function to the context: its name is then an op. @param definition a FunctionDef message @error if TensorFlow refuses it */
  addFunction(definition: Uint8Array): void
  /** Makes a tensor whose memory `fill` writes in place; see `Tensors.createFilled`. */
  createFilledTensor(shape: ReadonlyArray<number>, dtype: number, fill: (values: Elements) => void): number
  /** Makes a tensor without setting its memory; see `Tensors.createUnfilled`. */
  createUnfilledTensor(shape: ReadonlyArray<number>, dtype: number): number
  /** Makes a float32 tensor over memory of others; see `overMemory`. */
  tensorOver(shape: ReadonlyArray<number>, place: Address): number
  /** Makes a tensor of another shape over the same memory; see `Tensors.view`. */
  viewTensor(id: number, shape: ReadonlyArray<number>): number
  /** Address of a tensor's elements; see `Tensors.address`. */
  tensorAddress(id: number): Address
  /** Lends a tensor's elements without a copy while `read` runs; see `Tensors.lend`. */
  lendTensor<T>(id: number, read: (values: Elements) => T): T
  /** The number of the next tensor: later tensors have it or a higher one. */
  nextTensor(): number
  /** Live tensors numbered from `first` on, as `float32[2,3]`, oldest first, `most` at most. */
  describeTensors(first: number, most: number): Array<string>
  readonly devices: ReadonlyArray<Device>
  readonly device: Device
  /** The eager context, for calls of another thread. */
  readonly context: Address
}

class TensorMetadata implements Metadata {
  id = 0
  shape: Array<number> = []
  dtype = 0
}

class TFEOpAttr {
  name = ""
  type = 0
  value: boolean | number | object | string | Array<number> = 0
}

/**
 * Loads the library and returns the binding.
 *
 * @param quiet hides the library's output on stderr during loading
 * @param seat of this process in a group that computes together
 * @error if the library cannot be loaded or configured
 */
export const openBinding = (files: LibraryFiles, config: SessionConfig, quiet: boolean, seat?: Seat): Binding => {
  const runtime = openRuntime(files, config, quiet, seat)
  const tensors = new Tensors(runtime)
  const executor = new Executor(runtime, tensors)
  return {
    TensorMetadata,
    TFEOpAttr,
    createTensor: (shape, dtype, values) => tensors.create(shape, dtype, values),
    createFilledTensor: (shape, dtype, fill) => tensors.createFilled(shape, dtype, fill),
    createUnfilledTensor: (shape, dtype) => tensors.createUnfilled(shape, dtype),
    tensorOver: (shape, place) => overMemory(runtime, tensors, shape, place),
    viewTensor: (id, shape) => tensors.view(id, shape),
    tensorAddress: (id) => tensors.address(id),
    deleteTensor: (id) => tensors.delete(id),
    tensorDataSync: (id) => tensors.data(id) as ReturnType<Binding["tensorDataSync"]>,
    lendTensor: (id, read) => tensors.lend(id, read),
    executeOp: (name, attributes, inputs, outputs) => executor.run(name, attributes, inputs, outputs),
    startOp: (name, attributes, inputs, output) => executor.start(name, attributes, inputs, output),
    finishOps: (call) => executor.finish(call),
    addFunction: (definition) => {
      runtime.arena.reset()
      runtime.C.TFE_ContextAddFunctionDef(
        runtime.context,
        runtime.arena.bytes(definition),
        definition.length,
        runtime.status.address,
      )
      runtime.status.check("adding a function")
    },
    getNumOfTensors: () => tensors.count,
    isUsingGpuDevice: () => runtime.usesGpu,
    nextTensor: () => tensors.next,
    describeTensors: (first, most) => tensors.describeFrom(first, most),
    devices: runtime.devices,
    device: runtime.device,
    context: runtime.context,
    TF_FLOAT: DType.float32,
    TF_INT32: DType.int32,
    TF_INT64: DType.int64,
    TF_BOOL: DType.bool,
    TF_COMPLEX64: DType.complex64,
    TF_STRING: DType.string,
    TF_RESOURCE: DType.resource,
    TF_UINT8: DType.uint8,
    TF_ATTR_STRING: AttributeType.string,
    TF_ATTR_INT: AttributeType.int,
    TF_ATTR_FLOAT: AttributeType.float,
    TF_ATTR_BOOL: AttributeType.bool,
    TF_ATTR_TYPE: AttributeType.type,
    TF_ATTR_SHAPE: AttributeType.shape,
    // TensorFlow has no such attribute type, the addon leaves this undefined, and no kernel uses it: any use is
    // refused.
    TF_ATTR_RESOURCE: -1,
    TF_Version: runtime.version,
  }
}
