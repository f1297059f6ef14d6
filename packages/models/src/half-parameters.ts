/**
 * Parameters whose matrices stay in the bfloat16 of their file ("halves") while the model is frozen: native code reads the
 * halves. A request for a half as a variable replaces it by its float32 form.
 */
import type { Architecture, Attends, Parameters, PassWeights } from "@winnow/core"
import { type DecoderWeights, type FrozenMatrix, Halves, native, takesGradient, tf } from "@winnow/tensor"
import { tensorsOf } from "./stored.ts"

/** True if a parameter may stay in the bfloat16 of its file: native decoding reads it, in the file's form. */
export const mayStayHalf = (architecture: Architecture<Attends>, name: string, dtype: string): boolean => {
  const { matrices, embedding, head, attends, nativeProgram, parameters } = architecture
  const [tensor, ...others] = tensorsOf(architecture, name)
  return (
    dtype === "BF16" &&
    attends === "before" &&
    nativeProgram !== undefined &&
    (matrices.has(name) || name === embedding || name === head) &&
    tensor?.form === undefined &&
    others.length === 0 &&
    parameters.get(name)!.shape.at(-1)! % 32 === 0
  )
}

/** True if this parameter stays in bfloat16 in this process. */
export const staysHalf = (architecture: Architecture<Attends>, name: string, dtype: string): boolean =>
  native() !== undefined &&
  mayStayHalf(architecture, name, dtype) &&
  Halves.fits(architecture.parameters.get(name)!.shape)

/** From this many bytes of halves on, a pass without gradient reads the halves; a smaller model becomes float32. */
const LARGE = 2 ** 29

/** The parameters of a model by name; owns the variables and the halves. */
export class HalfParameters extends Map<string, tf.Variable> implements DecoderWeights {
  readonly #halves = new Map<string, Halves>()
  changes = 0

  /** @param all in the order of the architecture */
  constructor(all: Iterable<readonly [name: string, weight: tf.Variable | Halves]>) {
    super()
    for (const [name, weight] of all) {
      if (weight instanceof Halves) this.#halves.set(name, weight)
      // a half has an entry here too, so that the order stays
      super.set(name, weight instanceof Halves ? (undefined as never) : weight)
    }
  }

  readonly weight = (name: string): tf.Variable | Halves | undefined => this.#halves.get(name) ?? super.get(name)

  /** Bytes of the parameters that are in bfloat16 now. */
  get halfBytes(): number {
    return this.#halves.values().reduce((sum, { size }) => sum + 2 * size, 0)
  }

  /** The variable of a name. A half is widened to float32 now, and freed. */
  override get(name: string): tf.Variable | undefined {
    const half = this.#halves.get(name)
    if (half === undefined) return super.get(name)
    half.freeScreen() // freed first: memory is at its highest while both forms live
    const variable = tf.tidy(() => tf.variable(half.widened()))
    super.set(name, variable)
    this.#halves.delete(name)
    this.changes++
    half.dispose()
    return variable
  }

  /** The same parameters for passes without gradient: halves stay halves. */
  readonly frozen: PassWeights = {
    get: (name) => this.weight(name),
    keys: () => this.keys(),
  }

  #widenAll(): void {
    for (const name of [...this.#halves.keys()]) this.get(name)
  }

  override values(): MapIterator<tf.Variable> {
    this.#widenAll()
    return super.values()
  }

  override entries(): MapIterator<[string, tf.Variable]> {
    this.#widenAll()
    return super.entries()
  }

  override [Symbol.iterator](): MapIterator<[string, tf.Variable]> {
    return this.entries()
  }

  override forEach(each: (value: tf.Variable, name: string, map: Map<string, tf.Variable>) => void): void {
    this.#widenAll()
    super.forEach(each)
  }

  /** Frees the halves. @returns the variables, which are the caller's to dispose */
  release(): ReadonlyArray<tf.Variable> {
    const made = [...super.entries()].flatMap(([name, variable]) => (this.#halves.has(name) ? [] : [variable]))
    for (const half of this.#halves.values()) half.dispose()
    return made
  }
}

/** True of a large model whose halves native code can read now. */
const staysFrozen = (parameters: Parameters): parameters is HalfParameters =>
  parameters instanceof HalfParameters && native() !== undefined && parameters.halfBytes >= LARGE

/** The weights for one pass over tensors. A large model without gradients reads its halves. */
export const forPass = (parameters: Parameters): PassWeights =>
  staysFrozen(parameters) && !takesGradient() ? parameters.frozen : parameters

/** A matrix for uses without gradient: the half of a large model, else the variable. */
export const frozenMatrix = (parameters: Parameters, name: string): FrozenMatrix =>
  (staysFrozen(parameters) ? parameters.weight(name) : parameters.get(name)) as FrozenMatrix // its name is that of a matrix

/** The parameters of a model that was read: a plain map where all are variables. */
export const parametersOf = (weights: ReadonlyMap<string, tf.Variable | Halves>): Parameters =>
  weights.values().some((weight) => weight instanceof Halves) ? new HalfParameters(weights) : (weights as Parameters) // all are variables

/** The weights that native decoding reads. */
export const decoderWeights = (parameters: Parameters): DecoderWeights =>
  parameters instanceof HalfParameters ? parameters : { weight: (name) => parameters.get(name), changes: 0 }
