/**
 * Writes small saved models: the ones that tfjs-node's specs load, which its package does not ship, without any TensorFlow.
 *
 * @source tensorflow/core/protobuf/{saved_model,meta_graph}.proto, tensorflow/core/framework/{graph,node_def,attr_value,tensor}.proto
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DType } from "../src/binding/dtypes.ts"

type Bytes = ReadonlyArray<number>

const varint = (value: number): Bytes => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)])
const number = (field: number, value: number): Bytes => [...varint(field << 3), ...varint(value)]
const bytes = (field: number, body: Bytes): Bytes => [...varint((field << 3) | 2), ...varint(body.length), ...body]
const text = (field: number, value: string): Bytes => bytes(field, [...Buffer.from(value)])
const map = (field: number, entries: Readonly<Record<string, Bytes>>): Bytes =>
  Object.entries(entries).flatMap(([key, value]) => bytes(field, [...text(1, key), ...bytes(2, value)]))

const unknownRank = number(3, 1)
const typeAttr = (dtype: number): Bytes => number(6, dtype)

/** A node of the graph. */
interface GraphNode {
  readonly name: string
  readonly op: string
  readonly inputs?: ReadonlyArray<string>
  /** Encoded AttrValues by name. */
  readonly attributes: Readonly<Record<string, Bytes>>
}

/** The names that a signature gives its tensors, and their places in the graph. */
type Endpoints = Readonly<Record<string, { readonly endpoint: string; readonly dtype: number }>>

/** A saved model: one graph with tag `serve`. */
export interface Model {
  readonly nodes: ReadonlyArray<GraphNode>
  readonly signatures: Readonly<Record<string, { readonly inputs: Endpoints; readonly outputs: Endpoints }>>
}

export const placeholder = (name: string, dtype: number): GraphNode => ({
  name,
  op: "Placeholder",
  attributes: { dtype: typeAttr(dtype), shape: bytes(7, unknownRank) },
})

/** A scalar constant; its bytes little-endian. */
export const constant = (name: string, dtype: number, content: Uint8Array): GraphNode => ({
  name,
  op: "Const",
  attributes: {
    dtype: typeAttr(dtype),
    value: bytes(8, [...number(1, dtype), ...bytes(2, []), ...bytes(4, [...content])]),
  },
})

export const multiply = (name: string, dtype: number, a: string, b: string): GraphNode => ({
  name,
  op: "Mul",
  inputs: [a, b],
  attributes: { T: typeAttr(dtype) },
})

/** A node that gives its inputs back: one node with several outputs. */
export const identities = (name: string, dtype: number, inputs: ReadonlyArray<string>): GraphNode => ({
  name,
  op: "IdentityN",
  inputs,
  attributes: {
    T: bytes(
      1,
      inputs.flatMap(() => number(6, dtype)),
    ),
  },
})

const encodeNode = ({ name, op, inputs = [], attributes }: GraphNode): Bytes => [
  ...text(1, name),
  ...text(2, op),
  ...inputs.flatMap((input) => text(3, input)),
  ...map(5, attributes),
]

const encodeEndpoints = (field: number, endpoints: Endpoints): Bytes =>
  map(
    field,
    Object.fromEntries(
      Object.entries(endpoints).map(([name, { endpoint, dtype }]) => [
        name,
        [...text(1, endpoint), ...number(2, dtype), ...bytes(3, [])],
      ]),
    ),
  )

/** The bytes of `saved_model.pb`. */
export const encodeModel = ({ nodes, signatures }: Model): Uint8Array => {
  const graph = [...nodes.flatMap((node) => bytes(1, encodeNode(node))), ...bytes(4, number(1, 1_000))]
  const encoded = Object.fromEntries(
    Object.entries(signatures).map(([name, { inputs, outputs }]) => [
      name,
      [...encodeEndpoints(1, inputs), ...encodeEndpoints(2, outputs), ...text(3, "tensorflow/serving/predict")],
    ]),
  )
  const metaGraph = [...bytes(1, text(4, "serve")), ...bytes(2, graph), ...map(5, encoded)]
  return Uint8Array.from([...number(1, 1), ...bytes(2, metaGraph)])
}

/** Writes a model into a folder, which is made. */
export const writeModel = (directory: string, model: Model): void => {
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, "saved_model.pb"), encodeModel(model))
}

const little = {
  [DType.float32]: (value: number) => new Uint8Array(Float32Array.of(value).buffer),
  [DType.int32]: (value: number) => new Uint8Array(Int32Array.of(value).buffer),
  [DType.int64]: (value: number) => new Uint8Array(BigInt64Array.of(BigInt(value)).buffer),
  [DType.uint8]: (value: number) => Uint8Array.of(value),
}

/** y = factor x, as TensorFlow's own saving names the endpoints. */
export const timesModel = (dtype: keyof typeof little, factor: number): Model => ({
  nodes: [
    placeholder("serving_default_x", dtype),
    constant("factor", dtype, little[dtype](factor)),
    multiply("StatefulPartitionedCall", dtype, "serving_default_x", "factor"),
  ],
  signatures: {
    serving_default: {
      inputs: { x: { endpoint: "serving_default_x:0", dtype } },
      outputs: { output_0: { endpoint: "StatefulPartitionedCall:0", dtype } },
    },
  },
})

const int = DType.int32
const float = DType.float32

const two = constant("two", int, little[int](2))
const bothOutputs: Endpoints = {
  output_0: { endpoint: "StatefulPartitionedCall:0", dtype: int },
  output_1: { endpoint: "StatefulPartitionedCall:1", dtype: int },
}

/** The models of tfjs-node's specs by folder, each with the behaviour that its specs state. */
const specModels: Readonly<Record<string, Model>> = {
  times_three_float: timesModel(float, 3),
  times_two_int: timesModel(int, 2),
  uint8_multiply: timesModel(DType.uint8, 6),
  int64_multiply: timesModel(DType.int64, 6),
  module_with_multiple_signatures: {
    nodes: [
      placeholder("serving_default_x", float),
      placeholder("timestwo_x", float),
      constant("three", float, little[float](3)),
      constant("two", float, little[float](2)),
      multiply("StatefulPartitionedCall", float, "serving_default_x", "three"),
      multiply("StatefulPartitionedCall_1", float, "timestwo_x", "two"),
    ],
    signatures: {
      serving_default: {
        inputs: { x: { endpoint: "serving_default_x:0", dtype: float } },
        outputs: { output_0: { endpoint: "StatefulPartitionedCall:0", dtype: float } },
      },
      timestwo: {
        inputs: { x: { endpoint: "timestwo_x:0", dtype: float } },
        outputs: { output_0: { endpoint: "StatefulPartitionedCall_1:0", dtype: float } },
      },
    },
  },
  model_single_input_multi_output: {
    nodes: [
      placeholder("serving_default_x", int),
      two,
      multiply("product", int, "serving_default_x", "two"),
      identities("StatefulPartitionedCall", int, ["product", "serving_default_x"]),
    ],
    signatures: {
      serving_default: { inputs: { x: { endpoint: "serving_default_x:0", dtype: int } }, outputs: bothOutputs },
    },
  },
  model_multi_output: {
    nodes: [
      placeholder("serving_default_x", int),
      placeholder("serving_default_y", int),
      two,
      multiply("product", int, "serving_default_x", "two"),
      identities("StatefulPartitionedCall", int, ["product", "serving_default_y"]),
    ],
    signatures: {
      serving_default: {
        inputs: {
          x: { endpoint: "serving_default_x:0", dtype: int },
          y: { endpoint: "serving_default_y:0", dtype: int },
        },
        outputs: bothOutputs,
      },
    },
  },
}

/** Writes every model of tfjs-node's specs under `test_objects/saved_model` of a folder. */
export const writeSpecModels = (root: string): void => {
  for (const [name, model] of Object.entries(specModels))
    writeModel(join(root, "test_objects/saved_model", name), model)
}
