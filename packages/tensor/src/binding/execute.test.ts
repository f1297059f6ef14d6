/** A wrong call of an op throws an error that names the op, its inputs and the reason; it never ends the process. */
import { expect, test } from "bun:test"
import { backend } from "../engine.ts"
import { tf } from "../tf.ts"
import { type Attribute, attribute as a } from "./attributes.ts"
import { DType } from "./dtypes.ts"
import { EngineError } from "./status.ts"

const { binding } = backend()
const x = binding.createTensor([2, 3], DType.float32, new Float32Array(6))
const n = binding.createTensor([2], DType.int32, Int32Array.of(1, 0))
const s = binding.createTensor([1], DType.string, [Uint8Array.of(65)])
const int = (...values: ReadonlyArray<number>) =>
  binding.createTensor(values.length === 1 ? [] : [values.length], DType.int32, Int32Array.from(values))
const handle = (name: string, shape: ReadonlyArray<number>) =>
  binding.executeOp(
    "VarHandleOp",
    [a.type("dtype", 1), a.shape("shape", shape), a.string("shared_name", name)],
    [],
    1,
  )[0]!.id

type Call = readonly [
  name: unknown,
  attributes: unknown,
  inputs: unknown,
  outputs: unknown,
  says: ReadonlyArray<string>,
]
const T = a.type("T", DType.float32)
const wrong: Readonly<Record<string, () => Call>> = {
  "no such op": () => ["Nope", [], [], 1, ["Nope(): NotFound"]],
  "no name": () => ["", [], [], 1, ["expected the name of an op"]],
  "a number for a name": () => [5, [], [], 1, ["5(): InvalidArgument: expected the name of an op"]],
  "a name with a zero byte": () => ["Neg\0", [], [x], 1, ["zero byte"]],
  "too many inputs": () => ["Neg", [T], [x, x], 1, ["Neg(float32[2,3], float32[2,3]): InvalidArgument", "inputs"]],
  "too few inputs": () => ["AddV2", [T], [x], 1, ["AddV2(float32[2,3]): InvalidArgument", "1 inputs"]],
  "another dtype": () => ["AddV2", [T], [x, n], 1, ["AddV2(float32[2,3], int32[2])", "expected to be a float tensor"]],
  "a dtype it lacks": () => ["Neg", [], [s], 1, ["Neg(string[1]): InvalidArgument", "list of allowed values"]],
  "shapes that do not fit": () => [
    "MatMul",
    [],
    [x, x],
    1,
    ["MatMul(float32[2,3], float32[2,3])", "In[0]: [2,3], In[1]: [2,3]"],
  ],
  "a deleted tensor": () => [
    "AddV2",
    [T],
    [x, 1e9],
    1,
    ["AddV2(float32[2,3], deleted tensor 1000000000)", "was deleted, or never made"],
  ],
  "no tensors": () => ["Neg", [T], null, 1, ["expected an array of tensor numbers"]],
  "no attributes": () => ["Neg", null, [x], 1, ["Neg(float32[2,3])", "expected an array of attributes"]],
  "too few outputs": () => ["Neg", [T], [x], 0, ["Expecting 1 outputs"]],
  "too many outputs": () => ["Neg", [T], [x], 3, ["the op gives 1 outputs, 3 were expected"]],
  "half an output": () => ["Neg", [T], [x], 0.5, ["expected a number of outputs from 0 to 65536, found 0.5"]],
  "negative dimensions": () => ["Fill", [], [int(-1, 2), x], 1, ["Fill(int32[2], float32[2,3]): InvalidArgument"]],
  "a negative size": () => [
    "Reshape",
    [],
    [x, int(-5, 1)],
    1,
    ["Reshape(float32[2,3], int32[2])", "must be non-negative"],
  ],
  "an index outside": () => [
    "GatherV2",
    [],
    [x, int(7), int(0)],
    1,
    ["GatherV2(float32[2,3], int32[], int32[])", "7 is not in [0, 2)"],
  ],
  "division by zero": () => [
    "Div",
    [],
    [n, n],
    1,
    ["Div(int32[2], int32[2]): InvalidArgument: Integer division by zero"],
  ],
  "an uneven split": () => ["Split", [a.int("num_split", 5)], [int(1), x], 5, ["Split(int32[], float32[2,3])"]],
  "a negative count": () => ["Pack", [a.int("N", -3), T], [x, x], 1, ["-3 < 0"]],
  "a variable that has no value": () => [
    "ReadVariableOp",
    [a.type("dtype", 1)],
    [handle("winnow/test/empty", [2])],
    1,
    ["ReadVariableOp(resource[]): FailedPrecondition"],
  ],
  "a tensor for a variable": () => [
    "ReadVariableOp",
    [a.type("dtype", 1)],
    [x],
    1,
    ["ReadVariableOp(float32[2,3])", "expected to be a resource"],
  ],
  "a placeholder": () => ["Placeholder", [a.type("dtype", 1)], [], 1, ["Placeholder(): InvalidArgument"]],
}

for (const [what, make] of Object.entries(wrong))
  test(`refused: ${what}`, () => {
    const [name, attributes, inputs, outputs, says] = make()
    const before = binding.getNumOfTensors()
    try {
      binding.executeOp(name as string, attributes as Array<Attribute>, inputs as Array<number>, outputs as number)
    } catch (error) {
      const { message, stack } = error as Error
      for (const part of says) expect(message).toContain(part)
      expect(stack).toContain("execute.test.ts")
      expect(binding.getNumOfTensors()).toBe(before)
      return
    }
    throw new Error("expected a refusal")
  })

test("an error does not spoil the next call", () => {
  expect(() => binding.executeOp("Nope", [], [], 1)).toThrow(EngineError)
  const [y] = binding.executeOp("Neg", [T], [x], 1)
  expect(y).toMatchObject({ shape: [2, 3], dtype: DType.float32 })
  binding.deleteTensor(y!.id)
})

test("the error says in fields what its message says", () => {
  try {
    binding.executeOp("MatMul", [], [x, x], 1)
  } catch (error) {
    expect(error).toMatchObject({
      name: "EngineError",
      call: "MatMul(float32[2,3], float32[2,3])",
      code: "InvalidArgument",
    })
    return
  }
  throw new Error("expected a refusal")
})

test("a disposed TFJS tensor is named", () => {
  const gone = tf.zeros([4])
  gone.dispose()
  expect(() => backend().executeSingleOutput("Neg", [T], [gone])).toThrow("a disposed tensor (float32[4], input 0)")
})

test("ops with no output, with many outputs, with more inputs than the arena's first block holds", () => {
  expect(binding.executeOp("NoOp", [], [], 0)).toEqual([])
  const many = 20_000
  const types = a.types("T", Array<number>(many).fill(DType.float32))
  const results = binding.executeOp("IdentityN", [types], Array<number>(many).fill(x), many)
  expect(results.length).toBe(many)
  expect(results.every(({ shape }) => shape.length === 2 && shape[0] === 2 && shape[1] === 3)).toBe(true)
  for (const { id } of results) binding.deleteTensor(id)
})
