/**
 * Records the ops of a function of tensors, and runs them again as one TensorFlow op.
 *
 * A small op costs 4 us through the binding and 7-15 us through TFJS; inside a TensorFlow function it costs 0.4 us. So
 * a computation of many small ops that is repeated with the same shapes, such as a decoding step, is recorded once.
 */
import { encodeFunction, type FunctionConstant, type FunctionNode } from "../binding/function-def.ts"
import { backend } from "../engine.ts"
import { withoutNative } from "../native/native.ts"
import type { tf } from "../tf.ts"

/** A recording: call it with other tensors of the same dtypes. */
export type Recording = (inputs: ReadonlyArray<tf.Tensor>) => Array<tf.Tensor>

/** TensorFlow's name for the output of each op that can be recorded: a function's body refers to it by this name. */
const outputNames: Readonly<Record<string, string>> = {
  Add: "z",
  AddV2: "z",
  BatchMatMulV2: "output",
  BiasAdd: "output",
  Cast: "y",
  ConcatV2: "output",
  Erf: "y",
  Exp: "y",
  GatherV2: "output",
  Identity: "output",
  MatMul: "product",
  Mean: "output",
  Mul: "z",
  Neg: "y",
  PadV2: "output",
  RealDiv: "z",
  Reshape: "output",
  Rsqrt: "y",
  Sigmoid: "y",
  Slice: "output",
  Softmax: "softmax",
  SplitV: "output",
  Square: "y",
  SquaredDifference: "z",
  StatelessRandomNormalV2: "output",
  Sub: "z",
  Sum: "output",
  Tanh: "y",
  Transpose: "y",
  ZerosLike: "y",
}

let counter = 0

/**
 * Runs `f` op by op and records it.
 *
 * All tensors that `f` reads are either in `inputs` or made inside: tensors made inside from numbers become constants
 * of the recording, sizes included, so a size that may differ in a later call must not go through JavaScript. (A tensor
 * that was made of numbers before and that no op has used yet also counts as made inside.) `f` must not read values
 * back.
 *
 * @returns the outputs of this run, and the recording
 * @error if `f` reads another tensor, reads values back, or uses an op that is not in the table above
 */
export const record = (
  inputs: ReadonlyArray<tf.Tensor>,
  f: () => Array<tf.Tensor>,
): { readonly outputs: Array<tf.Tensor>; readonly recording: Recording } => {
  const be = backend()
  const { binding } = be
  const { executeOp, createTensor, tensorDataSync, lendTensor } = binding
  const dtypeOf = (tensor: tf.Tensor) => be.tensorMap.get(tensor.dataId).dtype
  const inputIds = be.getInputTensorIds(inputs)
  const from = new Map(inputIds.map((id, i) => [id, `x${i}`]))
  const constants = new Map<number, FunctionConstant>()
  const used = new Set<FunctionConstant>()
  const nodes: Array<FunctionNode> = []

  const source = (id: number, op: string): string => {
    const name = from.get(id)
    if (name !== undefined) return name
    const constant = constants.get(id)
    if (constant === undefined)
      throw new Error(`${op} reads a tensor that was made before the recording: give it as an input`)
    used.add(constant)
    return `${constant.name}:output:0`
  }

  let outputs: Array<tf.Tensor>
  let outputIds: Array<number>
  try {
    binding.createTensor = (shape, dtype, values) => {
      const id = createTensor(shape, dtype, values)
      if (!ArrayBuffer.isView(values)) throw new Error(`a tensor of dtype ${dtype} cannot be a constant of a recording`)
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice()
      constants.set(id, { name: `c${id}`, dtype, shape: [...shape], bytes })
      return id
    }
    binding.executeOp = (op, attributes, ids, count) => {
      const outputName = outputNames[op]
      if (outputName === undefined) throw new Error(`${op} cannot be recorded: its output's name is not in the table`)
      const name = `n${nodes.length}`
      nodes.push({ name, op, inputs: ids.map((id) => source(id, op)), attributes })
      const results = executeOp(op, attributes, ids, count)
      for (const [i, { id }] of results.entries()) from.set(id, `${name}:${outputName}:${i}`)
      return results
    }
    const refuse = () => {
      throw new Error("values were read back inside a recording: what depends on them would be fixed")
    }
    Object.assign(binding, { tensorDataSync: refuse, lendTensor: refuse })
    outputs = withoutNative(f) // Native code is no op of TensorFlow: it could not be recorded.
    outputIds = be.getInputTensorIds(outputs)
  } finally {
    Object.assign(binding, { executeOp, createTensor, tensorDataSync, lendTensor })
  }

  const name = `winnow_recording_${counter++}`
  binding.addFunction(
    encodeFunction({
      name,
      inputs: inputs.map((tensor, i) => ({ name: `x${i}`, dtype: dtypeOf(tensor) })),
      constants: [...used],
      nodes,
      outputs: outputs.map((tensor, i) => ({
        name: `y${i}`,
        dtype: dtypeOf(tensor),
        from: source(outputIds[i]!, "the result"),
      })),
    }),
  )
  const count = outputs.length
  const recording: Recording = (tensors) => {
    if (tensors.length !== inputs.length)
      throw new Error(`the recording takes ${inputs.length} inputs, ${tensors.length} were given`)
    return executeOp(name, [], be.getInputTensorIds(tensors), count).map((metadata) => be.createOutputTensor(metadata))
  }
  return { outputs, recording }
}
