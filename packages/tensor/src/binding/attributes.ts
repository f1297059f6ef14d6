/** Attributes of an op: typed helpers to write them, and how they are set on a TFE_Op. */
import type { Runtime } from "./context.ts"
import { isDType } from "./dtypes.ts"
import { refuse } from "./status.ts"
import type { Address } from "./symbols.ts"
import type { Tensors } from "./tensors.ts"

/** TF_AttrType, as `tensorflow/c/tf_attrtype.h` numbers it. */
export const AttributeType = { string: 0, int: 1, float: 2, bool: 3, type: 4, shape: 5, tensor: 6, func: 8 } as const

/** A shape whose unknown dimensions are -1; null when even the rank is unknown. */
export type PartialShape = ReadonlyArray<number> | null

/** An op attribute, in the form that TFJS's kernels use too. */
export interface Attribute {
  readonly name: string
  /** One of `AttributeType`. */
  readonly type: number
  readonly value: unknown
  /** True for a list where the value alone does not tell: an empty list of shapes. */
  readonly list?: boolean
}

const of =
  <V>(type: number) =>
  (name: string, value: V): Attribute => ({ name, type, value })

/** Writes attributes: `attribute.bool("transpose_a", true)`. Plural forms make lists. */
export const attribute = {
  string: of<string | Uint8Array>(AttributeType.string),
  strings: of<ReadonlyArray<string | Uint8Array>>(AttributeType.string),
  int: of<number | bigint>(AttributeType.int),
  ints: of<ReadonlyArray<number | bigint>>(AttributeType.int),
  float: of<number>(AttributeType.float),
  floats: of<ReadonlyArray<number>>(AttributeType.float),
  bool: of<boolean>(AttributeType.bool),
  bools: of<ReadonlyArray<boolean>>(AttributeType.bool),
  /** A data type, such as `DType.float32`. */
  type: of<number>(AttributeType.type),
  types: of<ReadonlyArray<number>>(AttributeType.type),
  shape: of<PartialShape>(AttributeType.shape),
  shapes: (name: string, value: ReadonlyArray<PartialShape>): Attribute => ({
    name,
    type: AttributeType.shape,
    value,
    list: true,
  }),
  /** The value of a tensor, by the binding's number of it. */
  tensor: of<number>(AttributeType.tensor),
  /** A function of the context, by name. */
  func: of<string>(AttributeType.func),
}

const encoder = new TextEncoder()

const shown = (value: unknown): string => {
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (typeof value === "bigint") return `${value}n`
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}

const isText = (value: unknown): value is string | Uint8Array =>
  typeof value === "string" || value instanceof Uint8Array
const isInteger = (value: unknown): value is number | bigint =>
  typeof value === "bigint" ? BigInt.asIntN(64, value) === value : Number.isSafeInteger(value)
const isNumber = (value: unknown): value is number => typeof value === "number"
const isBoolean = (value: unknown): value is boolean => typeof value === "boolean"
const isDimension = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= -1
const isShape = (value: unknown): value is PartialShape =>
  value === null || (Array.isArray(value) && value.every(isDimension))
const isListOf = <T>(value: unknown, is: (element: unknown) => element is T): value is ReadonlyArray<T> => {
  if (!Array.isArray(value)) return false
  for (const element of value) if (!is(element)) return false
  return true
}

/** Sets attributes on an op. Everything is copied by TensorFlow before the call returns. */
export class AttributeSetter {
  readonly #runtime: Runtime
  readonly #tensors: Tensors

  constructor(runtime: Runtime, tensors: Tensors) {
    this.#runtime = runtime
    this.#tensors = tensors
  }

  /**
   * @param call names the op in errors
   * @error EngineError when the value is not of the attribute's type; whether the op has such an attribute, and of that
   *   type, TensorFlow says when the op runs
   */
  set(op: Address, attr: Attribute, call: () => string): void {
    const { C, arena } = this.#runtime
    const { value } = attr
    if (typeof attr.name !== "string")
      throw refuse(call(), `an attribute's name is a string, found ${shown(attr.name)}`)
    const name = arena.name(attr.name)
    const wrong = (expected: string) =>
      refuse(call(), `attribute ${attr.name}: expected ${expected}, found ${shown(value)}`)
    switch (attr.type) {
      case AttributeType.type:
        if (isDType(value)) C.TFE_OpSetAttrType(op, name, value)
        else if (isListOf(value, isDType)) C.TFE_OpSetAttrTypeList(op, name, arena.int32s(value), value.length)
        else throw wrong("a data type or a list of them")
        return
      case AttributeType.bool:
        if (isBoolean(value)) C.TFE_OpSetAttrBool(op, name, value ? 1 : 0)
        else if (isListOf(value, isBoolean))
          C.TFE_OpSetAttrBoolList(op, name, arena.bytes(value.map(Number)), value.length)
        else throw wrong("true, false, or a list of them")
        return
      case AttributeType.int:
        if (typeof value === "number" && Number.isSafeInteger(value)) C.TFE_OpSetAttrInt(op, name, value)
        else if (isInteger(value)) C.TFE_OpSetAttrInt(op, name, value as number)
        else if (isListOf(value, isInteger)) C.TFE_OpSetAttrIntList(op, name, arena.int64s(value), value.length)
        else throw wrong("a whole number of 64 bits or a list of them")
        return
      case AttributeType.float:
        if (isNumber(value)) C.TFE_OpSetAttrFloat(op, name, value)
        else if (isListOf(value, isNumber)) C.TFE_OpSetAttrFloatList(op, name, arena.float32s(value), value.length)
        else throw wrong("a number or a list of them")
        return
      case AttributeType.string:
        if (isText(value)) {
          const bytes = typeof value === "string" ? encoder.encode(value) : value
          C.TFE_OpSetAttrString(op, name, arena.bytes(bytes), bytes.length)
        } else if (isListOf(value, isText)) {
          const each = value.map((text) => (typeof text === "string" ? encoder.encode(text) : text))
          const pointers = arena.pointers(each.map((bytes) => arena.bytes(bytes)))
          C.TFE_OpSetAttrStringList(op, name, pointers, arena.int64s(each.map((b) => b.length)), each.length)
        } else throw wrong("a string (or its bytes) or a list of them")
        return
      case AttributeType.shape:
        if (attr.list !== true && isShape(value)) this.#shape(op, name, value, call)
        else if (isListOf(value, isShape)) this.#shapes(op, name, value, call)
        else throw wrong("a shape (dimensions, -1 for unknown; null for unknown rank) or a list of them")
        return
      case AttributeType.tensor:
        if (typeof value !== "number") throw wrong("the number of a tensor")
        this.#tensor(op, name, value, call)
        return
      case AttributeType.func: {
        if (typeof value !== "string") throw wrong("the name of a function")
        const bytes = encoder.encode(value)
        C.TFE_OpSetAttrFunctionName(op, name, arena.bytes(bytes), bytes.length)
        return
      }
      default:
        throw refuse(
          call(),
          `attribute ${attr.name}: there is no attribute type ${shown(attr.type)}; expected one of ${JSON.stringify(AttributeType)}`,
        )
    }
  }

  #shape(op: Address, name: Address, shape: PartialShape, call: () => string): void {
    const { C, arena, status } = this.#runtime
    C.TFE_OpSetAttrShape(op, name, arena.int64s(shape ?? []), shape === null ? -1 : shape.length, status.address)
    if (status.failed) throw status.error(call())
  }

  #shapes(op: Address, name: Address, shapes: ReadonlyArray<PartialShape>, call: () => string): void {
    const { C, arena, status } = this.#runtime
    const dims = arena.pointers(shapes.map((shape) => arena.int64s(shape ?? [])))
    const ranks = arena.int32s(shapes.map((shape) => (shape === null ? -1 : shape.length)))
    C.TFE_OpSetAttrShapeList(op, name, dims, ranks, shapes.length, status.address)
    if (status.failed) throw status.error(call())
  }

  #tensor(op: Address, name: Address, id: number, call: () => string): void {
    const { C, status } = this.#runtime
    const tensor = C.TFE_TensorHandleResolve(this.#tensors.handle(id, call()), status.address)
    if (tensor === null || status.failed) throw status.error(call())
    C.TFE_OpSetAttrTensor(op, name, tensor, status.address)
    C.TF_DeleteTensor(tensor)
    if (status.failed) throw status.error(call())
  }
}
