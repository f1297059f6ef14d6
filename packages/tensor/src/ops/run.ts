/** Runs one TensorFlow op by name: for what TFJS has no kernel for. */
import { backend } from "../engine.ts"
import type { tf } from "../tf.ts"

/** An op attribute as the binding takes it. */
export interface Attribute {
  readonly name: string
  readonly type: number
  readonly value: unknown
}

export const boolAttribute = (name: string, value: boolean): Attribute => ({
  name,
  type: backend().binding.TF_ATTR_BOOL,
  value,
})
export const stringAttribute = (name: string, value: string): Attribute => ({
  name,
  type: backend().binding.TF_ATTR_STRING,
  value,
})
export const shapeAttribute = (name: string, value: ReadonlyArray<number>): Attribute => ({
  name,
  type: backend().binding.TF_ATTR_SHAPE,
  value,
})
/** The attribute `T = float32` that most float ops have. */
export const floatType = (name = "T"): Attribute => ({
  name,
  type: backend().binding.TF_ATTR_TYPE,
  value: backend().binding.TF_FLOAT,
})

/** Runs an op with one output. Not recorded for autodiff: wrap it in `tf.customGrad` where a gradient is needed. */
export const runOp = (
  name: string,
  attributes: ReadonlyArray<Attribute>,
  inputs: ReadonlyArray<tf.Tensor>,
): tf.Tensor => backend().executeSingleOutput(name, attributes, inputs)

/** Runs an op with several outputs. */
export const runOpMultiple = (
  name: string,
  attributes: ReadonlyArray<Attribute>,
  inputs: ReadonlyArray<tf.Tensor>,
  outputs: number,
): Array<tf.Tensor> => backend().executeMultipleOutputs(name, attributes, inputs, outputs)
