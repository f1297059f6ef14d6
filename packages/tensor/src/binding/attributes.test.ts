/** Every attribute type and list, each through an op whose result or refusal shows that the value arrived. */
import { expect, test } from "bun:test"
import { backend } from "../engine.ts"
import { type Attribute, attribute } from "./attributes.ts"
import { DType, type Elements } from "./dtypes.ts"
import { EngineError } from "./status.ts"

const { binding } = backend()
const float = (values: ReadonlyArray<number>, shape = [values.length]) =>
  binding.createTensor(shape, DType.float32, Float32Array.from(values))
const int = (values: ReadonlyArray<number>, shape = [values.length]) =>
  binding.createTensor(shape, DType.int32, Int32Array.from(values))

/** Runs an op, reads its first output, and disposes everything. */
const run = (name: string, attributes: ReadonlyArray<Attribute>, inputs: ReadonlyArray<number>, outputs = 1) => {
  const results = binding.executeOp(name, attributes, inputs, outputs)
  const [first] = results
  const values = first === undefined ? [] : [...(binding.tensorDataSync(first.id) as unknown as Elements)].map(Number)
  for (const { id } of [...results, ...inputs.map((id) => ({ id }))]) binding.deleteTensor(id)
  return { values, shape: first?.shape, dtype: first?.dtype }
}
const refusal = (f: () => unknown): string => {
  try {
    f()
  } catch (error) {
    if (error instanceof EngineError) return error.message
    throw error
  }
  throw new Error("expected a refusal")
}

test("bool", () => {
  const product = (transpose: boolean) =>
    run("MatMul", [attribute.bool("transpose_a", transpose)], [float([1, 2, 3, 4], [2, 2]), float([1, 0], [2, 1])])
      .values
  expect(product(false)).toEqual([1, 3])
  expect(product(true)).toEqual([1, 2])
})

test("int, also as a bigint and negative", () => {
  const packed = (axis: number | bigint) =>
    run(
      "Pack",
      [attribute.int("N", 2), attribute.type("T", DType.float32), attribute.int("axis", axis)],
      [float([1, 2]), float([3, 4])],
    ).values
  expect(packed(0)).toEqual([1, 2, 3, 4])
  expect(packed(-1)).toEqual([1, 3, 2, 4])
  expect(packed(-1n)).toEqual([1, 3, 2, 4])
})

test("a list of ints", () => {
  expect(run("Squeeze", [attribute.ints("squeeze_dims", [0, -1])], [float([1, 2], [1, 2, 1])]).shape).toEqual([2])
  expect(run("Squeeze", [attribute.ints("squeeze_dims", [])], [float([1, 2], [1, 2, 1])]).shape).toEqual([2])
})

test("float", () => {
  expect(run("LeakyRelu", [attribute.float("alpha", 0.25)], [float([-4, 4])]).values).toEqual([-1, 4])
})

test("a list of floats, longer than the arena's first block", () => {
  const boundaries = Array.from({ length: 40_000 }, (_, i) => i)
  expect(
    run("Bucketize", [attribute.floats("boundaries", boundaries)], [float([-1, 0.5, 39_998.5, 1e6])]).values,
  ).toEqual([0, 1, 39_999, 40_000])
})

test("type", () => {
  const cast = run("Cast", [attribute.type("SrcT", DType.float32), attribute.type("DstT", DType.int64)], [float([1.9])])
  expect(cast).toEqual({ values: [1], shape: [1], dtype: DType.int64 })
})

test("a list of types", () => {
  const inputs = [int([7]), float([0.5])]
  expect(run("IdentityN", [attribute.types("T", [DType.int32, DType.float32])], inputs, 2).values).toEqual([7])
})

test("string, also as bytes and longer than the arena's first block", () => {
  const conv = (padding: string | Uint8Array) =>
    run(
      "Conv2D",
      [attribute.ints("strides", [1, 1, 1, 1]), attribute.string("padding", padding)],
      [float([1, 2, 3, 4], [1, 2, 2, 1]), float([1, 1, 1, 1], [2, 2, 1, 1])],
    ).shape
  expect(conv("VALID")).toEqual([1, 1, 1, 1])
  expect(conv(new TextEncoder().encode("SAME"))).toEqual([1, 2, 2, 1])
  const separator = "-".repeat(200_000)
  const parts = ["a", "b"].map((text) => binding.createTensor([], DType.string, [new TextEncoder().encode(text)]))
  const [joined] = binding.executeOp(
    "StringJoin",
    [attribute.string("separator", separator), attribute.int("N", 2)],
    parts,
    1,
  )
  const [bytes] = binding.tensorDataSync(joined!.id) as unknown as Array<Uint8Array>
  expect(new TextDecoder().decode(bytes)).toBe(`a${separator}b`)
  for (const id of [...parts, joined!.id]) binding.deleteTensor(id)
})

test("a list of strings", () => {
  const fused = (ops: ReadonlyArray<string>) =>
    run(
      "_FusedMatMul",
      [attribute.int("num_args", 1), attribute.strings("fused_ops", ops), attribute.float("epsilon", 0)],
      [float([1, 2], [1, 2]), float([1, -1, 1, -1], [2, 2]), float([0.5, 0.5])],
    ).values
  expect(fused(["BiasAdd"])).toEqual([3.5, -2.5])
  expect(fused(["BiasAdd", "Relu"])).toEqual([3.5, 0])
})

test("shape, unknown dimensions, unknown rank", () => {
  const ensured = (shape: ReadonlyArray<number> | null) =>
    run("EnsureShape", [attribute.shape("shape", shape)], [float([1, 2], [1, 2])]).values
  expect(ensured([1, 2])).toEqual([1, 2])
  expect(ensured([-1, 2])).toEqual([1, 2])
  expect(ensured(null)).toEqual([1, 2])
  expect(refusal(() => ensured([2, 1]))).toContain("EnsureShape(float32[1,2]): InvalidArgument")
})

test("a list of shapes, empty too", () => {
  const queue = (shapes: ReadonlyArray<ReadonlyArray<number> | null>) => {
    const attributes = [attribute.types("component_types", [DType.float32]), attribute.shapes("shapes", shapes)]
    const handle = binding.executeOp("FIFOQueueV2", attributes, [], 1)[0]!.id
    try {
      return run("QueueEnqueueV2", [attribute.types("Tcomponents", [DType.float32])], [handle, float([1, 2, 3])], 0)
    } finally {
      if (binding.describeTensors(handle, 1)[0]?.startsWith("resource")) binding.deleteTensor(handle)
    }
  }
  queue([[3]])
  queue([])
  expect(refusal(() => queue([[2]]))).toContain("Shape mismatch in tuple component 0. Expected [2], got [3]")
})

test("tensor", () => {
  const value = int([4, 5])
  const constant = run("Const", [attribute.type("dtype", DType.int32), attribute.tensor("value", value)], [])
  expect(constant.values).toEqual([4, 5])
  binding.deleteTensor(value)
})

test("function and list of functions", () => {
  const called = () =>
    run(
      "PartitionedCall",
      [attribute.types("Tin", []), attribute.types("Tout", [DType.float32]), attribute.func("f", "noSuchFunction")],
      [],
    )
  expect(refusal(called)).toContain("noSuchFunction")
  const types = [attribute.types("Tin", []), attribute.types("Tout", [DType.float32])]
  expect(
    refusal(() => run("Case", [...types, attribute.funcs("branches", ["noSuchBranch"])], [int([0], [])])),
  ).toContain("noSuchBranch")
})

const x = float([1])
for (const [what, attr, message] of [
  ["no such attribute", attribute.int("size", 1), "Attribute 'size' does not exist for this operation"],
  ["another type", attribute.int("T", 1), "attribute T is type, it was given as int: 1"],
  ["no type at all", { name: "T", type: 99, value: 1 }, "it was given as attribute type 99"],
  ["a list for one", attribute.types("T", [1]), "attribute T: expected a data type, found [1]"],
  ["no dtype", attribute.type("T", 1000), "attribute T: expected a data type, found 1000"],
  ["null", null as unknown as Attribute, "attribute 0: expected { name, type, value }, found null"],
] as const)
  test(`refused: ${what}`, () => {
    const said = refusal(() => binding.executeOp("Neg", [attr], [x], 1))
    expect(said).toStartWith("Neg(float32[1]): InvalidArgument: ")
    expect(said).toContain(message)
  })

for (const [what, name, attr, message] of [
  ["one for a list", "Squeeze", attribute.int("squeeze_dims", 1), "expected a list, each a whole number"],
  ["not a number", "Squeeze", attribute.ints("squeeze_dims", [Number.NaN]), "found [null]"],
  ["beyond 64 bits", "Squeeze", attribute.ints("squeeze_dims", [2n ** 63n]), "expected a list, each a whole number"],
  ["dimension -2", "EnsureShape", attribute.shape("shape", [-2]), "expected a shape"],
  ["text for a float", "LeakyRelu", { name: "alpha", type: 2, value: "1" }, 'expected a number, found "1"'],
] as const)
  test(`refused: ${what}`, () => {
    expect(refusal(() => binding.executeOp(name, [attr], [x], 1))).toContain(message)
  })
