/** TensorFlow's data types: their numbers in the C API, their names, and their typed arrays. */

/** TF_DataType by name, with the numbers of `tensorflow/c/tf_datatype.h`. */
export const DType = {
  float32: 1,
  float64: 2,
  int32: 3,
  uint8: 4,
  int16: 5,
  int8: 6,
  string: 7,
  complex64: 8,
  int64: 9,
  bool: 10,
  qint8: 11,
  quint8: 12,
  qint32: 13,
  bfloat16: 14,
  qint16: 15,
  quint16: 16,
  uint16: 17,
  complex128: 18,
  float16: 19,
  resource: 20,
  variant: 21,
  uint32: 22,
  uint64: 23,
  float8_e5m2: 24,
  float8_e4m3fn: 25,
} as const

/** Name of a data type. */
export type DTypeName = keyof typeof DType

const names = new Map<number, DTypeName>(Object.entries(DType).map(([name, dtype]) => [dtype, name as DTypeName]))

/** Name of a TF_DataType for messages; `dtype 99` for a number that TensorFlow does not have. */
export const dtypeName = (dtype: number): string => names.get(dtype) ?? `dtype ${dtype}`

/** True if TensorFlow has a data type of this number. */
export const isDType = (dtype: unknown): dtype is number => typeof dtype === "number" && names.has(dtype)

/** A typed array for a tensor's elements. */
export type Elements =
  | Float32Array
  | Float64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array
  | BigInt64Array
  | BigUint64Array

/** Bytes of one element, and the number of elements of its typed array for one element of the tensor. */
interface Layout {
  readonly bytes: number
  readonly array: new (length: number) => Elements
  readonly perElement: number
}

const layout = (array: new (length: number) => Elements, bytes: number, perElement = 1): Layout => ({
  bytes,
  array,
  perElement,
})

/** Layout of the data types of fixed width; strings, resources and variants have none. */
const layouts: ReadonlyMap<number, Layout> = new Map([
  [DType.float32, layout(Float32Array, 4)],
  [DType.float64, layout(Float64Array, 8)],
  [DType.int32, layout(Int32Array, 4)],
  [DType.qint32, layout(Int32Array, 4)],
  [DType.uint32, layout(Uint32Array, 4)],
  [DType.int64, layout(BigInt64Array, 8)],
  [DType.uint64, layout(BigUint64Array, 8)],
  [DType.int16, layout(Int16Array, 2)],
  [DType.qint16, layout(Int16Array, 2)],
  [DType.uint16, layout(Uint16Array, 2)],
  [DType.quint16, layout(Uint16Array, 2)],
  [DType.bfloat16, layout(Uint16Array, 2)],
  [DType.float16, layout(Uint16Array, 2)],
  [DType.int8, layout(Int8Array, 1)],
  [DType.qint8, layout(Int8Array, 1)],
  [DType.uint8, layout(Uint8Array, 1)],
  [DType.quint8, layout(Uint8Array, 1)],
  [DType.bool, layout(Uint8Array, 1)],
  [DType.float8_e5m2, layout(Uint8Array, 1)],
  [DType.float8_e4m3fn, layout(Uint8Array, 1)],
  [DType.complex64, layout(Float32Array, 8, 2)],
  [DType.complex128, layout(Float64Array, 16, 2)],
])

/** Layout of a data type of fixed width, undefined for string, resource and variant. */
export const layoutOf = (dtype: number): Layout | undefined => layouts.get(dtype)
