/** Attributes of an op: typed helpers to write them, and functions that set them on a TFE_Op. */

import type { Address } from "@winnow/engine"
import type { Runtime } from "./context.ts"
import { isDType } from "./dtypes.ts"
import { refuse } from "./status.ts"
import type { Tensors } from "./tensors.ts"

/** TF_AttrType, with the numbers of `tensorflow/c/tf_attrtype.h`. */
export const AttributeType = { string: 0, int: 1, float: 2, bool: 3, type: 4, shape: 5, tensor: 6, func: 8 } as const

/** A shape whose unknown dimensions are -1; null if even the rank is unknown. */
export type PartialShape = ReadonlyArray<number> | null

/** An op attribute, in the form that TFJS's kernels use too. */
export interface Attribute {
  readonly name: string
  /** One of `AttributeType`. */
  readonly type: number
  readonly value: unknown
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
  shapes: of<ReadonlyArray<PartialShape>>(AttributeType.shape),
  /** The value of a tensor, by the binding's number of it. */
  tensor: of<number>(AttributeType.tensor),
  /** A function of the context, by name. */
  func: of<string>(AttributeType.func),
  funcs: of<ReadonlyArray<string>>(AttributeType.func),
}

const encoder = new TextEncoder()

const excerpt = (value: unknown): string => {
  if (value instanceof Uint8Array) return `${value.length} bytes`
  const text = JSON.stringify(value, (_, v) => (typeof v === "bigint" ? `${v}n` : v)) ?? String(value)
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}

const isText = (value: unknown): value is string | Uint8Array =>
  typeof value === "string" || value instanceof Uint8Array
/** Numbers with a fraction pass and lose it, as in the stock addon: TFJS passes seeds such as 3.14. */
const isInteger = (value: unknown): value is number | bigint =>
  typeof value === "bigint"
    ? BigInt.asIntN(64, value) === value
    : typeof value === "number" && Math.abs(value) <= Number.MAX_SAFE_INTEGER
const whole = (value: number | bigint) => (typeof value === "bigint" ? value : Math.trunc(value))
const isName = (value: unknown): value is string => typeof value === "string"
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

const typeNames = new Map<number, string>(Object.entries(AttributeType).map(([name, type]) => [type, name]))
const typeName = (type: number, list: boolean) => {
  const name = typeNames.get(type) ?? `attribute type ${excerpt(type)}`
  return list ? `a list of ${name}` : name
}

/** The definition of an attribute in its op. */
interface Definition {
  readonly name: Address
  readonly type: number
  readonly list: boolean
}

/** Sets attributes on an op. Everything is copied by TensorFlow before the call returns. */
export class AttributeSetter {
  readonly #runtime: Runtime
  readonly #tensors: Tensors
  /** By op, then by attribute: one request to TensorFlow for each op is enough. */
  readonly #definitions = new Map<string, Map<string, Definition>>()

  constructor(runtime: Runtime, tensors: Tensors) {
    this.#runtime = runtime
    this.#tensors = tensors
  }

  /**
   * Sets an op's attributes.
   *
   * @param call describes the op for errors
   * @error EngineError if the op has no such attribute, has it with another type, or the value is not of that type
   */
  setAll(op: Address, opName: string, attributes: ReadonlyArray<Attribute>, call: () => string): void {
    let ofOp = this.#definitions.get(opName)
    if (ofOp === undefined) this.#definitions.set(opName, (ofOp = new Map()))
    for (let i = 0; i < attributes.length; i++) {
      const attr = attributes[i]!
      if (typeof attr !== "object" || attr === null)
        throw refuse(call(), `attribute ${i}: expected { name, type, value }, found ${excerpt(attr)}`)
      let definition = ofOp.get(attr.name)
      if (definition === undefined) ofOp.set(attr.name, (definition = this.#define(op, attr, call)))
      this.#set(op, attr, definition, call)
    }
  }

  #define(op: Address, attr: Attribute, call: () => string): Definition {
    const { C, arena, status } = this.#runtime
    if (typeof attr.name !== "string")
      throw refuse(call(), `an attribute's name is a string, found ${excerpt(attr.name)}`)
    const name = arena.name(attr.name)
    const list = arena.words(1)
    const type = C.TFE_OpGetAttrType(op, name, list, status.address)
    if (status.failed) throw status.error(call())
    return { name, type, list: arena.int32(list) !== 0 }
  }

  #set(op: Address, attr: Attribute, { name, type, list }: Definition, call: () => string): void {
    const { C, arena } = this.#runtime
    const { value } = attr
    const wrong = (expected: string) =>
      refuse(
        call(),
        `attribute ${attr.name}: expected ${list ? `a list, each ${expected}` : expected}, found ${excerpt(value)}`,
      )
    if (attr.type !== type)
      throw refuse(
        call(),
        `attribute ${attr.name} is ${typeName(type, list)}, it was given as ${typeName(attr.type, false)}: ${excerpt(value)}`,
      )
    switch (type) {
      case AttributeType.type:
        if (!list && isDType(value)) C.TFE_OpSetAttrType(op, name, value)
        else if (list && isListOf(value, isDType)) C.TFE_OpSetAttrTypeList(op, name, arena.int32s(value), value.length)
        else throw wrong("a data type")
        return
      case AttributeType.bool:
        if (!list && isBoolean(value)) C.TFE_OpSetAttrBool(op, name, value ? 1 : 0)
        else if (list && isListOf(value, isBoolean))
          C.TFE_OpSetAttrBoolList(op, name, arena.bytes(value.map(Number)), value.length)
        else throw wrong("true or false")
        return
      case AttributeType.int:
        if (!list && isInteger(value)) C.TFE_OpSetAttrInt(op, name, whole(value))
        else if (list && isListOf(value, isInteger))
          C.TFE_OpSetAttrIntList(op, name, arena.int64s(value.map(whole)), value.length)
        else throw wrong("a whole number of 64 bits (beyond 2^53 as a bigint)")
        return
      case AttributeType.float:
        if (!list && isNumber(value)) C.TFE_OpSetAttrFloat(op, name, value)
        else if (list && isListOf(value, isNumber))
          C.TFE_OpSetAttrFloatList(op, name, arena.float32s(value), value.length)
        else throw wrong("a number")
        return
      case AttributeType.string:
        if (!list && isText(value)) {
          const bytes = typeof value === "string" ? encoder.encode(value) : value
          C.TFE_OpSetAttrString(op, name, arena.bytes(bytes), bytes.length)
        } else if (list && isListOf(value, isText)) {
          const each = value.map((text) => (typeof text === "string" ? encoder.encode(text) : text))
          const pointers = arena.pointers(each.map((bytes) => arena.bytes(bytes)))
          C.TFE_OpSetAttrStringList(op, name, pointers, arena.int64s(each.map((b) => b.length)), each.length)
        } else throw wrong("a string (or its bytes)")
        return
      case AttributeType.shape:
        if (!list && isShape(value)) this.#shape(op, name, value, call)
        else if (list && isListOf(value, isShape)) this.#shapes(op, name, value, call)
        else throw wrong("a shape (dimensions, -1 for unknown; null for unknown rank)")
        return
      case AttributeType.tensor:
        if (list || typeof value !== "number") throw wrong("the number of a tensor")
        this.#tensor(op, name, value, call)
        return
      case AttributeType.func:
        if (!list && typeof value === "string") {
          const bytes = encoder.encode(value)
          C.TFE_OpSetAttrFunctionName(op, name, arena.bytes(bytes), bytes.length)
        } else if (list && isListOf(value, isName)) this.#functions(op, name, value, call)
        else throw wrong("the name of a function")
        return
      default:
        throw refuse(call(), `attribute ${attr.name} is of a type that cannot be set: ${type}`)
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

  /** A list of functions is passed as ops of their names, which TensorFlow copies. */
  #functions(op: Address, name: Address, functions: ReadonlyArray<string>, call: () => string): void {
    const { C, arena, status, context } = this.#runtime
    const ops: Array<Address> = []
    try {
      for (const each of functions) {
        const functionOp = C.TFE_NewOp(context, arena.name(each), status.address)
        if (functionOp === null || status.failed) throw status.error(call())
        ops.push(functionOp)
      }
      C.TFE_OpSetAttrFunctionList(op, name, arena.pointers(ops), ops.length)
    } finally {
      for (const functionOp of ops) C.TFE_DeleteOp(functionOp)
    }
  }
}
