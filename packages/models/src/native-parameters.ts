/**
 * Parameters whose matrices lie in native memory while the model is frozen: in the bfloat16 of their file ("halves"), in 8 bits
 * ("blocks"), and where a process only decodes in float32 ("floats"). A request for one as a variable replaces it by its
 * float32 form; blocks stay beside theirs, since decoding multiplies them otherwise.
 */
import type { Architecture, Attends, Parameters, PassWeights } from "@winnow/core"
import {
  Blocks,
  type DecoderWeights,
  type FrozenMatrix,
  Halves,
  NativeWeight,
  native,
  takesGradient,
  tf,
} from "@winnow/tensor"
import { tensorsOf } from "./stored.ts"

/** True of a matrix that native decoding reads. */
export const isDecodedMatrix = (architecture: Architecture<Attends>, name: string): boolean => {
  const { matrices, embedding, head, attends, nativeProgram } = architecture
  return (
    attends === "before" && nativeProgram !== undefined && (matrices.has(name) || name === embedding || name === head)
  )
}

/** True if a parameter may stay in the bfloat16 of its file: native decoding reads it, in the file's form. */
export const mayStayHalf = (architecture: Architecture<Attends>, name: string, dtype: string): boolean => {
  const { parameters } = architecture
  const [tensor, ...others] = tensorsOf(architecture, name)
  return (
    dtype === "BF16" &&
    isDecodedMatrix(architecture, name) &&
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

/** The parameters of a model by name; owns the variables and what lies in native memory. */
export class NativeParameters extends Map<string, tf.Variable> implements DecoderWeights {
  readonly #natives = new Map<string, NativeWeight>()
  changes = 0

  /** @param all in the order of the architecture */
  constructor(all: Iterable<readonly [name: string, weight: tf.Variable | NativeWeight]>) {
    super()
    for (const [name, weight] of all) {
      const isNative = weight instanceof NativeWeight
      if (isNative) this.#natives.set(name, weight)
      // a native weight has an entry here too, so that the order stays
      super.set(name, isNative ? (undefined as never) : weight)
    }
  }

  readonly weight = (name: string): tf.Variable | NativeWeight | undefined => this.#natives.get(name) ?? super.get(name)

  /** Bytes of the parameters that are in bfloat16 now. */
  get halfBytes(): number {
    return this.#natives.values().reduce((sum, one) => sum + (one instanceof Halves ? 2 * one.size : 0), 0)
  }

  /**
   * The variable of a name. Halves and floats become it now, and are freed; blocks are widened and stay, and decoding does not see
   * what is assigned to the variable.
   */
  override get(name: string): tf.Variable | undefined {
    const own = this.#natives.get(name)
    const variable = super.get(name)
    if (own === undefined || variable !== undefined) return variable
    if (!(own instanceof Blocks)) own.freeScreen() // freed first: memory is at its highest while both forms live
    const widened = tf.tidy(() => tf.variable(own.widened()))
    super.set(name, widened)
    if (own instanceof Blocks) return widened
    this.#natives.delete(name)
    this.changes++
    own.dispose()
    return widened
  }

  /** The same parameters for passes without gradient: halves stay halves. */
  readonly frozen: PassWeights = {
    get: (name) => {
      const own = this.#natives.get(name)
      return own instanceof Halves ? own : this.get(name)
    },
    keys: () => this.keys(),
  }

  #widenAll(): void {
    for (const name of [...this.#natives.keys()]) this.get(name)
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

  /** Frees what lies in native memory. @returns the variables, which are the caller's to dispose */
  release(): ReadonlyArray<tf.Variable> {
    for (const own of this.#natives.values()) own.dispose()
    return [...super.values()].filter((variable) => variable !== undefined)
  }
}

/** True of a large model whose halves native code can read now. */
const staysFrozen = (parameters: Parameters): parameters is NativeParameters =>
  parameters instanceof NativeParameters && native() !== undefined && parameters.halfBytes >= LARGE

/** The weights for one pass over tensors. A large model without gradients reads its halves. */
export const forPass = (parameters: Parameters): PassWeights =>
  staysFrozen(parameters) && !takesGradient() ? parameters.frozen : parameters

/** A matrix for uses without gradient: the half of a large model, else the variable. */
export const frozenMatrix = (parameters: Parameters, name: string): FrozenMatrix =>
  (staysFrozen(parameters) ? parameters.frozen : parameters).get(name) as FrozenMatrix // its name is that of a matrix

/** The parameters of a model that was read: a plain map where all are variables. */
export const parametersOf = (weights: ReadonlyMap<string, tf.Variable | NativeWeight>): Parameters =>
  weights.values().some((weight) => weight instanceof NativeWeight)
    ? new NativeParameters(weights)
    : (weights as Parameters) // all are variables

/** The weights that native decoding reads. */
export const decoderWeights = (parameters: Parameters): DecoderWeights =>
  parameters instanceof NativeParameters ? parameters : { weight: (name) => parameters.get(name), changes: 0 }
