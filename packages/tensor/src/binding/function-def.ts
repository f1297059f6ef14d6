/**
 * TensorFlow functions as bytes: a small writer of the FunctionDef message.
 *
 * @source tensorflow/core/framework/function.proto, op_def.proto, node_def.proto, attr_value.proto, tensor.proto
 */
import { type Attribute, AttributeType } from "./attributes.ts"
import { type Bytes, block, integer, text, varint } from "./protobuf.ts"

/** One op of a function's body. */
export interface FunctionNode {
  /** Unique in the function. */
  readonly name: string
  readonly op: string
  /** `argument`, or `node:output:index` for an output of another node. */
  readonly inputs: ReadonlyArray<string>
  readonly attributes: ReadonlyArray<Attribute>
}

/** A constant of a function's body, its output is `name:output:0`. */
export interface FunctionConstant {
  readonly name: string
  readonly dtype: number
  readonly shape: ReadonlyArray<number>
  /** Elements in their order in memory. */
  readonly bytes: Uint8Array
}

/** A function: lower-case argument names, a body, and its outputs. */
export interface FunctionDefinition {
  readonly name: string
  readonly inputs: ReadonlyArray<{ readonly name: string; readonly dtype: number }>
  readonly constants: ReadonlyArray<FunctionConstant>
  readonly nodes: ReadonlyArray<FunctionNode>
  readonly outputs: ReadonlyArray<{ readonly name: string; readonly dtype: number; readonly from: string }>
}

const float = (field: number, value: number) => [
  ...varint((field << 3) | 5),
  ...new Uint8Array(Float32Array.of(value).buffer),
]
const shapeOf = (shape: ReadonlyArray<number> | null) =>
  shape === null ? integer(3, 1) : shape.flatMap((size) => block(2, integer(1, size)))

/** The field of an AttrValue, or of its list, for one value of this attribute type. */
const scalar = (type: number, value: unknown): Array<number> => {
  switch (type) {
    case AttributeType.string:
      return text(2, value as string)
    case AttributeType.int:
      return integer(3, value as number)
    case AttributeType.float:
      return float(4, value as number)
    case AttributeType.bool:
      return integer(5, value ? 1 : 0)
    case AttributeType.type:
      return integer(6, value as number)
    case AttributeType.shape:
      return block(7, shapeOf(value as ReadonlyArray<number> | null))
    default:
      throw new Error(`an attribute of type ${type} cannot be part of a function`)
  }
}

/** For shapes a list is a list of arrays; for all other types an array is a list. */
const isList = ({ type, value }: Attribute) =>
  Array.isArray(value) && (type !== AttributeType.shape || Array.isArray(value[0]))

const entry = (name: string, value: Bytes) => block(5, [...text(1, name), ...block(2, value)])

const attributeEntry = (attribute: Attribute) =>
  entry(
    attribute.name,
    isList(attribute)
      ? block(
          1,
          (attribute.value as ReadonlyArray<unknown>).flatMap((value) => scalar(attribute.type, value)),
        )
      : scalar(attribute.type, attribute.value),
  )

const nodeOf = ({ name, op, inputs, attributes }: FunctionNode) => [
  ...text(1, name),
  ...text(2, op),
  ...inputs.flatMap((input) => text(3, input)),
  ...attributes.flatMap(attributeEntry),
]

const constantOf = ({ name, dtype, shape, bytes }: FunctionConstant) => [
  ...text(1, name),
  ...text(2, "Const"),
  ...entry("dtype", integer(6, dtype)),
  ...entry("value", block(8, [...integer(1, dtype), ...block(2, shapeOf(shape)), ...block(4, bytes)])),
]

const argument = (field: number, { name, dtype }: { readonly name: string; readonly dtype: number }) =>
  block(field, [...text(1, name), ...integer(3, dtype)])

/** The message, ready for `Binding.addFunction`. */
export const encodeFunction = (f: FunctionDefinition): Uint8Array =>
  Uint8Array.from([
    ...block(1, [
      ...text(1, f.name),
      ...f.inputs.flatMap((input) => argument(2, input)),
      ...f.outputs.flatMap((output) => argument(3, output)),
    ]),
    ...f.constants.flatMap((constant) => block(3, constantOf(constant))),
    ...f.nodes.flatMap((node) => block(3, nodeOf(node))),
    ...f.outputs.flatMap(({ name, from }) => block(4, [...text(1, name), ...text(2, from)])),
  ])
