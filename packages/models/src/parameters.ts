/** Declares, looks up and counts parameters. */
import type { Architecture, Attends, ParameterSpec, PassWeights } from "@winnow/core"
import type { FrozenMatrix, tf } from "@winnow/tensor"

/** A parameter that begins as a normal of this standard deviation around 0. */
export const normal = (shape: ReadonlyArray<number>, std: number): ParameterSpec => ({
  shape,
  init: { kind: "normal", std },
})
/** A head [V, d] with a bias behind it, [V, d + 1]. */
export const normalWithBias = ([V, d]: readonly [V: number, d: number], std: number): ParameterSpec => ({
  shape: [V, d + 1],
  init: { kind: "normal", std, bias: true },
})
/** A vector of n zeros: biases. */
export const zeros = (n: number): ParameterSpec => ({ shape: [n], init: { kind: "zeros" } })
/** A vector of n ones: scales of norms. */
export const ones = (n: number): ParameterSpec => ({ shape: [n], init: { kind: "ones" } })

/**
 * The parameter of this name.
 * @error if there is none
 */
export const parameter = <R extends tf.Tensor | FrozenMatrix>(values: PassWeights, name: string): R => {
  const value = values.get(name)
  if (value === undefined) throw new Error(`no parameter ${name}; there are ${[...values.keys()].join(", ")}`)
  return value as unknown as R
}

/** True of an architecture whose head has a bias: the last column of its parameter, where hidden states have a 1. */
export const hasHeadBias = ({ parameters, head }: Architecture<Attends>): boolean => {
  const { init } = parameters.get(head)!
  return init.kind === "normal" && init.bias === true
}

const size = ({ shape }: ParameterSpec) => shape.reduce((a, b) => a * b, 1)

/** Numbers in all parameters; a tied head counts once. */
export const parameterCount = (architecture: Architecture<Attends>): number =>
  architecture.parameters.values().reduce((sum, spec) => sum + size(spec), 0)
