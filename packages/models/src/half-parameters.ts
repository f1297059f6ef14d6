/**
 * Parameters of which matrices stay in bfloat16, as their file has them, for as long as the model is only decoded with:
 * native decoding reads them there. Whoever asks for one as a variable gets it in float32, in the place of the half.
 */
import type { Architecture, Attends, Parameters } from "@winnow/core"
import { type DecoderWeights, Halves, native, takesGradient, tf } from "@winnow/tensor"
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

/** Bytes of halves from which on passes over tensors widen each matrix when they come to it, and keep none. */
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
      // a half has its place here too, so that the order stays
      super.set(name, weight instanceof Halves ? (undefined as never) : weight)
    }
  }

  readonly weight = (name: string): tf.Variable | Halves | undefined => this.#halves.get(name) ?? super.get(name)

  /** Bytes of the parameters that are in bfloat16 now. */
  get halfBytes(): number {
    return this.#halves.values().reduce((sum, { size }) => sum + 2 * size, 0)
  }

  /** The variable of a name: of a half, made now, in float32; the half is freed. */
  override get(name: string): tf.Variable | undefined {
    const half = this.#halves.get(name)
    if (half === undefined) return super.get(name)
    half.freeScreen() // before, as memory is at its highest while both forms live
    const variable = tf.tidy(() => tf.variable(half.widened()))
    super.set(name, variable)
    this.#halves.delete(name)
    this.changes++
    half.dispose()
    return variable
  }

  /**
   * The same parameters for one pass: each half among `names` is a tensor of the caller's tidy, made anew each time that it
   * is asked for. So a pass needs the memory of one layer in float32 more, and the time to widen all.
   */
  inPassing(names: ReadonlySet<string>): Parameters {
    return new Passing(this, (name) => (names.has(name) ? this.#halves.get(name)?.widened() : undefined))
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

/** Parameters of which `made` makes some as they are asked for. */
class Passing extends Map<string, tf.Variable> {
  constructor(
    readonly of: HalfParameters,
    readonly made: (name: string) => tf.Tensor | undefined,
  ) {
    super()
  }

  // a pass reads its parameters as tensors and assigns none
  override readonly get = (name: string) => (this.made(name) ?? this.of.get(name)) as tf.Variable | undefined
  override readonly has = (name: string) => this.of.has(name)
  override readonly keys = () => this.of.keys()
  override readonly values = () => this.of.values()
  override readonly entries = () => this.of.entries()
  override [Symbol.iterator](): MapIterator<[string, tf.Variable]> {
    return this.of.entries()
  }
}

/** The parameters for one pass over tensors: of a large model that no gradient is taken of, matrices in passing. */
export const forPass = (parameters: Parameters, { matrices }: Pick<Architecture<Attends>, "matrices">): Parameters =>
  parameters instanceof HalfParameters && parameters.halfBytes >= LARGE && !takesGradient()
    ? parameters.inPassing(matrices)
    : parameters

/** The parameters of a model that was read: a plain map where all are variables. */
export const parametersOf = (weights: ReadonlyMap<string, tf.Variable | Halves>): Parameters =>
  weights.values().some((weight) => weight instanceof Halves) ? new HalfParameters(weights) : (weights as Parameters) // all are variables

/** The weights that native decoding reads. */
export const decoderWeights = (parameters: Parameters): DecoderWeights =>
  parameters instanceof HalfParameters ? parameters : { weight: (name) => parameters.get(name), changes: 0 }
