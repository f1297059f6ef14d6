/** Autodiff where TFJS's own calls do not reach: on a tape of its own, and without leaks when the function throws. */
import { tf } from "../tf.ts"

interface TapeState {
  activeTape: Array<{ saved?: ReadonlyArray<tf.Tensor> }> | null
  gradientDepth: number
  kernelDepth: number
}
const state = (): TapeState => tf.engine().state as unknown as TapeState

/** The inputs of the gradient that is being taken; undefined where none is. */
let wanted: ReadonlySet<tf.Tensor> | undefined

/** False for a variable that no gradient is being taken by: an op leaves its part of the backward pass out. */
export const needsGradient = (tensor: tf.Tensor): boolean =>
  wanted === undefined || !(tensor instanceof tf.Variable) || wanted.has(tensor)

/**
 * The value of a scalar function and its gradient by each input; undefined for an input that it does not depend on.
 *
 * Unlike `tf.grads` it frees what the tape saved when the function throws. All results belong to the caller's tidy.
 */
export const gradients = (
  f: () => tf.Scalar,
  inputs: ReadonlyArray<tf.Tensor>,
): { readonly value: tf.Scalar; readonly gradients: ReadonlyArray<tf.Tensor | undefined> } => {
  const outer = wanted
  wanted = new Set(inputs)
  try {
    const { value, grads } = tf.engine().gradients(f, [...inputs], undefined as never, true)
    return { value: value as tf.Scalar, gradients: (grads as Array<tf.Tensor | null>).map((g) => g ?? undefined) }
  } catch (cause) {
    const tape = state()
    if (tape.gradientDepth === 0) {
      for (const node of tape.activeTape ?? []) for (const tensor of node.saved ?? []) tensor.dispose()
      tape.activeTape = null
    }
    throw cause
  } finally {
    wanted = outer
  }
}

/**
 * Runs a function as if no tape and no kernel were running: so that a gradient can be taken inside a custom gradient,
 * and what it saves is freed at its end and not at the end of the outer one.
 */
export const onFreshTape = <T>(f: () => T): T => {
  const tape = state()
  const { activeTape, gradientDepth, kernelDepth } = tape
  Object.assign(tape, { activeTape: null, gradientDepth: 0, kernelDepth: 0 })
  try {
    return f()
  } finally {
    Object.assign(tape, { activeTape, gradientDepth, kernelDepth })
  }
}
