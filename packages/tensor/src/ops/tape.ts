/** Autodiff beyond TFJS's own calls: on a separate tape, and without leaks if the function throws. */
import { tf } from "../tf.ts"

interface TapeState {
  activeTape: Array<{ saved?: ReadonlyArray<tf.Tensor> }> | null
  gradientDepth: number
  kernelDepth: number
}
const state = (): TapeState => tf.engine().state as unknown as TapeState

/** The inputs of the gradient in progress; undefined if there is none. */
let wanted: ReadonlySet<tf.Tensor> | undefined

/** False for a variable without a requested gradient: an op leaves its part of the backward pass out. */
export const needsGradient = (tensor: tf.Tensor): boolean =>
  wanted === undefined || !(tensor instanceof tf.Variable) || wanted.has(tensor)

/** True while a gradient is being taken: ops may keep their inputs for its backward pass. */
export const takesGradient = (): boolean => state().gradientDepth > 0

/** True if an op that runs now is recorded for a gradient: one is being taken, and no other op encloses this one. */
export const recordsTape = (): boolean => {
  const { gradientDepth, kernelDepth } = state()
  return gradientDepth > 0 && kernelDepth === 0
}

/**
 * The value of a scalar function and its gradient by each input; undefined for an input that it does not depend on.
 *
 * Unlike `tf.grads` it frees the saved tensors of the tape if the function throws. All results belong to the caller's
 * tidy.
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
 * and its saved tensors are freed at its end and not at the end of the outer one.
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
