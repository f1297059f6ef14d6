/** Tensors by number: their creation, reading and disposal. */
import { toArrayBuffer } from "bun:ffi"
import { totalmem } from "node:os"
import type { Address } from "@winnow/engine"
import type { Runtime } from "./context.ts"
import { DType, dtypeName, type Elements, isDType, layoutOf } from "./dtypes.ts"
import { copyBytes } from "./libc.ts"
import { EngineError, refuse, Status } from "./status.ts"
import { freeStrings, inlineStringBytes, readStrings, stringBytes, writeStrings } from "./strings.ts"

/** The facts of an op's output that TFJS needs. */
export interface Metadata {
  id: number
  shape: Array<number>
  dtype: number
}

/** Values that `create` takes: elements of a typed array, or the bytes of each string. */
export type Values = Elements | Uint8ClampedArray | ReadonlyArray<Uint8Array>

/** Memory of the machine. */
const machineBytes = totalmem()

/** `float32[2,3]`, for messages. */
export const describe = (dtype: number, shape: ReadonlyArray<number>): string =>
  `${dtypeName(dtype)}[${shape.join(",")}]`

const byteView = (values: Elements | Uint8ClampedArray) =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength)

/** The typed arrays besides its own that a data type accepts: TFJS has no int64 and passes two int32 for one. */
const accepts = (dtype: number, values: Elements | Uint8ClampedArray): boolean =>
  values instanceof layoutOf(dtype)!.array ||
  (dtype === DType.int64 && values instanceof Int32Array) ||
  (dtype === DType.uint8 && values instanceof Uint8ClampedArray)

/** The table of live tensors. Numbers are never reused, so a disposed tensor is recognised. */
export class Tensors {
  readonly #runtime: Runtime
  readonly #handles = new Map<number, Address>()
  /** The places of elements that were asked for: asking TensorFlow takes longer than many a kernel's work. */
  readonly #places = new Map<number, Address>()
  /** For queries of shapes while another status still has an error to report. */
  readonly #asking: Status
  #next = 0

  constructor(runtime: Runtime) {
    this.#runtime = runtime
    this.#asking = new Status(runtime.C)
  }

  /** Live tensors. */
  get count(): number {
    return this.#handles.size
  }

  /** The handle of a tensor; undefined if it is not live. */
  find(id: number): Address | undefined {
    return this.#handles.get(id)
  }

  /** @error EngineError that names the call if the tensor is not live */
  handle(id: number, call: string): Address {
    const handle = this.#handles.get(id)
    if (handle === undefined)
      throw refuse(call, `there is no tensor ${String(id)}: it was deleted, or never made. ${this.count} tensors live.`)
    return handle
  }

  /** Takes over a handle; returns its number. @param place of its elements, where it is known */
  adopt(handle: Address, place?: Address): number {
    this.#handles.set(this.#next, handle)
    if (place !== undefined) this.#places.set(this.#next, place)
    return this.#next++
  }

  /** Takes over a handle and reads its metadata. */
  adoptWithMetadata(handle: Address): Metadata {
    return {
      id: this.adopt(handle),
      shape: this.#shape(handle),
      dtype: this.#runtime.C.TFE_TensorHandleDataType(handle),
    }
  }

  #shape(handle: Address): Array<number> {
    const { C } = this.#runtime
    const status = this.#asking.address
    const rank = C.TFE_TensorHandleNumDims(handle, status)
    const shape: Array<number> = []
    for (let i = 0; i < rank; i++) shape.push(C.TFE_TensorHandleDim(handle, i, status))
    return shape
  }

  /** `float32[2,3]` of a live tensor, `deleted tensor 5` of another. */
  describe(id: number): string {
    const handle = this.#handles.get(id)
    if (handle === undefined) return `deleted tensor ${String(id)}`
    return describe(this.#runtime.C.TFE_TensorHandleDataType(handle), this.#shape(handle))
  }

  /** The number that the next tensor gets. */
  get next(): number {
    return this.#next
  }

  /** Describes the live tensors numbered from `first` on, `most` at most. */
  describeFrom(first: number, most: number): Array<string> {
    const descriptions: Array<string> = []
    for (const id of this.#handles.keys()) {
      if (id >= first && descriptions.length < most) descriptions.push(this.describe(id))
    }
    return descriptions
  }

  /** @error EngineError if it is not live */
  delete(id: number): void {
    const handle = this.handle(id, "deleteTensor")
    this.#handles.delete(id)
    this.#places.delete(id)
    this.#runtime.C.TFE_DeleteTensorHandle(handle)
  }

  /**
   * Makes a tensor of the values, which are copied.
   *
   * @param shape dimensions of 0 or more, their product the number of values
   * @param values of the dtype's typed array (`layoutOf`); int64 also as pairs of int32, low half first; complex64 as
   *   pairs of float32; strings as the bytes of each. Not resources: TensorFlow ends the process over bytes it cannot parse
   * @error EngineError if dtype, shape and values do not fit, or memory does not suffice
   */
  create(shape: ReadonlyArray<number>, dtype: number, values: Values): number {
    // The description is only made for an error: this code runs for every number that TFJS passes to an op.
    const call = () => `createTensor(${Array.isArray(shape) ? describe(dtype, shape) : String(shape)})`
    const size = this.#checked(shape, dtype, call)
    if (dtype === DType.string) return this.#createStrings(shape, size, values, call)
    if (!ArrayBuffer.isView(values)) throw refuse(call(), `expected a typed array of values, found ${typeof values}`)
    const bytes = byteView(values)
    const layout = layoutOf(dtype)
    if (layout === undefined)
      throw refuse(call(), `a tensor of ${dtypeName(dtype)} cannot be made from values: only an op gives one`)
    if (!accepts(dtype, values))
      throw refuse(call(), `expected values in a ${layout.array.name}, found a ${values.constructor.name}`)
    if (bytes.length !== size * layout.bytes)
      throw refuse(
        call(),
        `the shape has ${size} elements of ${layout.bytes} bytes, the ${values.constructor.name} has ${values.length} elements, ${bytes.length} bytes`,
      )
    return this.#make(shape, dtype, bytes.length, call, (data) => copyBytes(data, bytes, bytes.length))
  }

  /**
   * Makes a tensor whose memory `fill` writes in place: no array of the values ever exists in JavaScript.
   *
   * @param fill gets an array of the dtype's kind over the tensor's own memory, not zeroed; it is detached on return
   * @error EngineError for a dtype without fixed width; errors of `fill`, after freeing the memory
   */
  createFilled(shape: ReadonlyArray<number>, dtype: number, fill: (values: Elements) => void): number {
    const call = () => `createFilled(${Array.isArray(shape) ? describe(dtype, shape) : String(shape)})`
    const size = this.#checked(shape, dtype, call)
    const layout = layoutOf(dtype)
    if (layout === undefined) throw refuse(call(), "only a dtype of fixed width can be filled")
    return this.#make(shape, dtype, size * layout.bytes, call, (data, bytes) => {
      const buffer = toArrayBuffer(data as Parameters<typeof toArrayBuffer>[0], 0, bytes)
      try {
        fill(new (layout.array as unknown as new (buffer: ArrayBuffer) => Elements)(buffer))
      } finally {
        buffer.transfer() // Detaches every view: none can outlive the memory.
      }
    })
  }

  /**
   * Makes a tensor with uninitialised elements, to be written at `address` before any read.
   *
   * @error EngineError for a dtype without fixed width, or too little memory
   */
  createUnfilled(shape: ReadonlyArray<number>, dtype: number): number {
    const call = () => `createUnfilled(${Array.isArray(shape) ? describe(dtype, shape) : String(shape)})`
    const size = this.#checked(shape, dtype, call)
    const layout = layoutOf(dtype)
    if (layout === undefined) throw refuse(call(), "only a dtype of fixed width has elements to be written")
    let place: Address | undefined
    const id = this.#make(shape, dtype, size * layout.bytes, call, (data) => {
      place = data
    })
    if (place !== undefined && !this.#runtime.usesGpu) this.#places.set(id, place)
    return id
  }

  /**
   * Makes a tensor of another shape over the memory of a live one, without an op. Not for strings and resources.
   *
   * @error EngineError if the tensor is not live, or the shape has another number of elements
   */
  view(id: number, shape: ReadonlyArray<number>): number {
    const { C, arena, status } = this.#runtime
    const call = () => `a view [${shape}] of ${this.describe(id)}`
    const handle = this.#handles.get(id) ?? this.handle(id, "a view of a tensor")
    const from = C.TFE_TensorHandleResolve(handle, status.address)
    if (from === null) throw status.error(call())
    const dtype = C.TFE_TensorHandleDataType(handle)
    arena.reset()
    const to = C.TF_AllocateTensor(dtype, arena.int64s([0]), 1, 0)
    try {
      C.TF_TensorBitcastFrom(from, dtype, to, arena.int64s(shape), shape.length, status.address)
      if (status.failed) throw status.error(call())
      const made = C.TFE_NewTensorHandle(to, status.address)
      if (status.failed) throw status.error(call())
      const view = this.adopt(made!)
      const place = this.#places.get(id)
      if (place !== undefined) this.#places.set(view, place)
      return view
    } finally {
      C.TF_DeleteTensor(to)
      C.TF_DeleteTensor(from)
    }
  }

  /**
   * The address of a tensor's elements, valid during its life; any address, or 0, without elements. The handle keeps
   * the buffer after the TF_Tensor that named it is gone. On a GPU it would be the address of a temporary copy, so
   * there it is refused.
   *
   * @error EngineError if the tensor is not live or lies on a GPU
   */
  address(id: number): Address {
    const known = this.#places.get(id)
    if (known !== undefined) return known
    const { C, status, usesGpu } = this.#runtime
    const handle = this.#handles.get(id) ?? this.handle(id, "the address of a tensor")
    if (usesGpu) throw refuse(`the address of ${this.describe(id)}`, "the engine computes on a GPU")
    const tensor = C.TFE_TensorHandleResolve(handle, status.address)
    if (tensor === null) throw status.error(`the address of ${this.describe(id)}`)
    const place = C.TF_TensorData(tensor) ?? (0 as Address)
    C.TF_DeleteTensor(tensor)
    this.#places.set(id, place)
    return place
  }

  #checked(shape: ReadonlyArray<number>, dtype: number, call: () => string): number {
    if (!Array.isArray(shape)) throw refuse(call(), `expected a shape (an array of dimensions), found ${typeof shape}`)
    if (!isDType(dtype)) throw refuse(call(), `TensorFlow has no dtype ${String(dtype)}`)
    let size = 1
    for (const dim of shape) {
      if (!Number.isSafeInteger(dim) || dim < 0)
        throw refuse(call(), `expected dimensions that are whole numbers of 0 or more, found ${String(dim)}`)
      size *= dim
    }
    if (size * 16 > Number.MAX_SAFE_INTEGER) throw refuse(call(), `${size} elements are more than any memory holds`)
    return size
  }

  #make(
    shape: ReadonlyArray<number>,
    dtype: number,
    bytes: number,
    call: () => string,
    write: (data: Address, bytes: number) => void,
  ): number {
    const { C, arena, status, context, usesGpu, device } = this.#runtime
    // TensorFlow's allocator would try for ten seconds.
    if (bytes > machineBytes)
      throw new EngineError(call(), "ResourceExhausted", `${bytes} bytes, and this machine has ${machineBytes}`)
    arena.reset()
    const tensor = C.TF_AllocateTensor(dtype, arena.int64s(shape), shape.length, bytes)
    let handle: Address | null
    try {
      const data = tensor === null ? null : C.TF_TensorData(tensor)
      if (bytes > 0) {
        if (data === null) throw new EngineError(call(), "ResourceExhausted", `no memory for ${bytes} bytes`)
        write(data, bytes)
      }
      handle = C.TFE_NewTensorHandle(tensor, status.address)
      if (status.failed) throw status.error(call())
    } finally {
      if (tensor !== null) C.TF_DeleteTensor(tensor)
    }
    // GPU kernels expect int32 in host memory, like the stock addon; on the CPU there is nothing to copy.
    if (usesGpu && dtype !== DType.int32 && dtype !== DType.string) {
      const copy = C.TFE_TensorHandleCopyToDevice(handle, context, arena.name(device.name), status.address)
      C.TFE_DeleteTensorHandle(handle)
      if (status.failed) throw status.error(`${call()} on ${device.name}`)
      handle = copy
    }
    return this.adopt(handle!)
  }

  #createStrings(shape: ReadonlyArray<number>, size: number, values: unknown, call: () => string): number {
    if (!Array.isArray(values)) throw refuse(call(), `expected an array of Uint8Array, found ${typeof values}`)
    const wrong = values.find((value) => !(value instanceof Uint8Array))
    if (wrong !== undefined || values.includes(undefined))
      throw refuse(call(), `expected every string as a Uint8Array of its bytes, found ${typeof wrong}`)
    if (values.length !== size)
      throw refuse(call(), `the shape has ${size} elements, ${values.length} strings were given`)
    const { C, arena, status } = this.#runtime
    arena.reset()
    const tensor = C.TF_AllocateTensor(DType.string, arena.int64s(shape), shape.length, size * stringBytes)
    const data = tensor === null ? null : C.TF_TensorData(tensor)
    if (data === null && size > 0) throw new EngineError(call(), "ResourceExhausted", `no memory for ${size} strings`)
    if (size > 0) writeStrings(this.#runtime, data!, values)
    try {
      const handle = C.TFE_NewTensorHandle(tensor, status.address)
      if (status.failed) throw status.error(call())
      if (values.every(({ length }) => length <= inlineStringBytes)) return this.adopt(handle!)
      // The library frees this buffer without freeing strings on the heap. So the lasting tensor is a copy made by an
      // op, which owns its strings, and ours are freed below.
      try {
        return this.adopt(this.#deepCopy(handle!, call()))
      } finally {
        C.TFE_DeleteTensorHandle(handle)
        freeStrings(this.#runtime, data!, size)
      }
    } finally {
      C.TF_DeleteTensor(tensor)
    }
  }

  #deepCopy(handle: Address, call: string): Address {
    const { C, arena, status, context } = this.#runtime
    const op = C.TFE_NewOp(context, arena.name("DeepCopy"), status.address)
    status.check(call)
    try {
      C.TFE_OpAddInput(op, handle, status.address)
      status.check(call)
      const outputs = arena.words(2) // One handle, then the count.
      const count = arena.int32s([1])
      C.TFE_Execute(op, outputs, count, status.address)
      status.check(call)
      return arena.word(outputs, 0)
    } finally {
      C.TFE_DeleteOp(op)
    }
  }

  /** Resolves a tensor to host memory during `use`. */
  #resolved<T>(id: number, call: string, use: (tensor: Address, data: Address | null, bytes: number) => T): T {
    const { C, status } = this.#runtime
    const tensor = C.TFE_TensorHandleResolve(this.handle(id, call), status.address)
    if (tensor === null || status.failed) throw status.error(`${call} of ${this.describe(id)}`)
    try {
      return use(tensor, C.TF_TensorData(tensor), C.TF_TensorByteSize(tensor))
    } finally {
      C.TF_DeleteTensor(tensor)
    }
  }

  /**
   * A copy of a tensor's elements.
   *
   * @returns the dtype's typed array (`layoutOf`); for strings, the bytes of each; for a resource, the bytes of its
   * handle, which only TensorFlow can interpret
   * @error EngineError if the tensor is not live or is a variant
   */
  data(id: number): Elements | Array<Uint8Array> {
    const call = "tensorDataSync"
    const { C } = this.#runtime
    const dtype = C.TFE_TensorHandleDataType(this.handle(id, call))
    if (dtype === DType.string)
      return this.#resolved(id, call, (tensor, data) =>
        readStrings(this.#runtime, data!, C.TF_TensorElementCount(tensor)),
      )
    const layout = layoutOf(dtype === DType.resource ? DType.uint8 : dtype)
    if (layout === undefined) throw refuse(call, `the elements of ${this.describe(id)} cannot be read`)
    return this.#resolved(id, call, (_, data, bytes) => {
      const values = new layout.array((bytes / layout.bytes) * layout.perElement)
      if (bytes > 0) copyBytes(values, data!, bytes)
      return values
    })
  }

  /**
   * Lends a tensor's elements without a copy (on a GPU they are copied to the host first).
   *
   * @param read gets a read-only array of the dtype's kind over the tensor's memory; it is detached on return
   * @error EngineError if the tensor is not live or its dtype has no fixed width
   */
  lend<T>(id: number, read: (values: Elements) => T): T {
    const call = "lending the elements"
    const dtype = this.#runtime.C.TFE_TensorHandleDataType(this.handle(id, call))
    const layout = layoutOf(dtype)
    if (layout === undefined) throw refuse(call, `${this.describe(id)} has no elements of fixed width`)
    return this.#resolved(id, call, (_, data, bytes) => {
      const buffer =
        bytes === 0 ? new ArrayBuffer(0) : toArrayBuffer(data as Parameters<typeof toArrayBuffer>[0], 0, bytes)
      try {
        return read(new (layout.array as unknown as new (buffer: ArrayBuffer) => Elements)(buffer))
      } finally {
        buffer.transfer()
      }
    })
  }
}
