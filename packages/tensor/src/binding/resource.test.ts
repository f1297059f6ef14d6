/** Resource handles: variables of TensorFlow's own, made, assigned, updated by a fused optimizer, read and freed. */
import { expect, test } from "bun:test"
import { backend } from "../engine.ts"
import { tf } from "../tf.ts"
import { attribute as a } from "./attributes.ts"
import { DType } from "./dtypes.ts"

const { binding } = backend()
const dtype = a.type("dtype", DType.float32)
const floats = (values: ReadonlyArray<number>, shape: ReadonlyArray<number> = [values.length]) =>
  binding.createTensor(shape, DType.float32, Float32Array.from(values))
const scalar = (value: number) => floats([value], [])
const free = (...ids: ReadonlyArray<number>) => {
  for (const id of ids) binding.deleteTensor(id)
}
const variable = (name: string, values: ReadonlyArray<number>) => {
  const attributes = [dtype, a.shape("shape", [values.length]), a.string("shared_name", name)]
  const [made] = binding.executeOp("VarHandleOp", attributes, [], 1)
  expect(made).toMatchObject({ shape: [], dtype: DType.resource })
  const value = floats(values)
  binding.executeOp("AssignVariableOp", [dtype], [made!.id, value], 0)
  free(value)
  return made!.id
}
const read = (handle: number) => {
  const [value] = binding.executeOp("ReadVariableOp", [dtype], [handle], 1)
  const values = [...binding.tensorDataSync(value!.id)]
  free(value!.id)
  return values
}

test("a variable keeps its value; two handles of one name are one variable; destroyed it is gone", () => {
  const before = binding.getNumOfTensors()
  const first = variable("winnow/test/shared", [1, 2])
  const second = variable("winnow/test/shared", [3, 4])
  expect(read(first)).toEqual([3, 4])
  expect(binding.tensorDataSync(first)).toBeInstanceOf(Uint8Array)
  binding.executeOp("DestroyResourceOp", [], [second], 0)
  expect(() => read(first)).toThrow("ReadVariableOp(resource[]): ")
  free(first, second)
  expect(binding.getNumOfTensors()).toBe(before)
})

test("ResourceApplyAdam is Adam's first step", () => {
  const [weight, m, v] = [
    variable("winnow/test/w", [1, -1]),
    variable("winnow/test/m", [0, 0]),
    variable("winnow/test/v", [0, 0]),
  ]
  // beta1 ** 1, beta2 ** 1, learning rate, beta1, beta2, epsilon
  const numbers = [0.9, 0.999, 0.1, 0.9, 0.999, 1e-8].map(scalar)
  const gradient = floats([0.5, -2])
  binding.executeOp("ResourceApplyAdam", [a.type("T", DType.float32)], [weight, m, v, ...numbers, gradient], 0)
  // With bias correction, the first step is the learning rate against the gradient's sign.
  const [up, down] = read(weight)
  expect(up).toBeCloseTo(0.9, 5)
  expect(down).toBeCloseTo(-0.9, 5)
  const [m0, m1] = read(m)
  expect(m0).toBeCloseTo(0.05, 6)
  expect(m1).toBeCloseTo(-0.2, 6)
  for (const handle of [weight, m, v]) binding.executeOp("DestroyResourceOp", [], [handle], 0)
  free(weight, m, v, gradient, ...numbers)
})

test("a value of another dtype or shape is refused", () => {
  const handle = variable("winnow/test/typed", [1, 2])
  const wrong = binding.createTensor([2], DType.int32, Int32Array.of(1, 2))
  const assign = () => binding.executeOp("AssignVariableOp", [a.type("dtype", DType.int32)], [handle, wrong], 0)
  expect(assign).toThrow("AssignVariableOp(resource[], int32[2]): ")
  binding.executeOp("DestroyResourceOp", [], [handle], 0)
  free(handle, wrong)
})

test("handles are tensors to TFJS too, tidied as others", () => {
  const before = [tf.memory().numTensors, binding.getNumOfTensors()]
  tf.tidy(() => {
    const be = backend()
    const attributes = [dtype, a.shape("shape", [1]), a.string("shared_name", "winnow/test/tidied")]
    const handle = be.executeSingleOutput("VarHandleOp", attributes, [])
    be.executeMultipleOutputs("AssignVariableOp", [dtype], [handle, tf.tensor1d([7])], 0)
    expect([...be.executeSingleOutput("ReadVariableOp", [dtype], [handle]).dataSync()]).toEqual([7])
    be.executeMultipleOutputs("DestroyResourceOp", [], [handle], 0)
  })
  expect([tf.memory().numTensors, binding.getNumOfTensors()]).toEqual(before)
})
