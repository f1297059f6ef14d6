/** Runs one TensorFlow op by name: for ops without a TFJS kernel. */
import { type Attribute, attribute } from "../binding/attributes.ts"
import { DType } from "../binding/dtypes.ts"
import { backend } from "../engine.ts"
import type { tf } from "../tf.ts"

/** The attribute `T = float32` of most float ops. */
export const floatType = (name = "T"): Attribute => attribute.type(name, DType.float32)

/** Runs an op with one output. Not recorded for autodiff: wrap it in `customGrad` if a gradient is needed. */
export const runOp = (
  name: string,
  attributes: ReadonlyArray<Attribute>,
  inputs: ReadonlyArray<tf.Tensor>,
): tf.Tensor => backend().executeSingleOutput(name, attributes, inputs)
