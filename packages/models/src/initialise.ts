/** Fresh parameters, the same for the same seed. */
import type { Architecture, Attends, ModelOf, ParameterSpec } from "@winnow/core"
import { seeded } from "@winnow/numerics"
import { attribute, DType, fillTensor, floatType, type Recording, record, runOp, tf } from "@winnow/tensor"
import { makeModel, ownVariable } from "./model.ts"

/** 64-bit words as the tensor that TensorFlow requires. */
const words = (...values: ReadonlyArray<bigint>): tf.Tensor =>
  fillTensor([values.length], "uint64", (into) => (into as BigUint64Array).set(values))

/** The 64 bits of Philox's key that belong to this seed and name. */
const keyOf = (seed: number, name: string): bigint => {
  const rng = seeded(seed, "init", name)
  return (BigInt(rng.below(2 ** 32)) << 32n) | BigInt(rng.below(2 ** 32))
}

/** Philox among TensorFlow's algorithms of random numbers. */
const PHILOX = 1

let recording: Recording | undefined

/**
 * Normals around 0 with standard deviation `std`, of any shape: TensorFlow's counter-based generator, whose numbers do not
 * depend on the number of threads.
 *
 * The computation is recorded: the product with `std` reuses the memory of the normals only inside a function.
 */
const normals = (shape: ReadonlyArray<number>, std: number, key: bigint): tf.Tensor => {
  const inputs = [
    tf.tensor1d([...shape], "int32"),
    words(key),
    words(0n, 0n),
    tf.scalar(PHILOX, "int32"),
    tf.scalar(std),
  ]
  if (recording !== undefined) return recording(inputs)[0]!
  const attributes = [floatType("dtype"), attribute.type("Tshape", DType.int32)]
  const made = record(inputs, () => {
    const [dims, keys, counter, algorithm, scale] = inputs as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Scalar]
    return [tf.mul(runOp("StatelessRandomNormalV2", attributes, [dims, keys, counter, algorithm]), scale)]
  })
  recording = made.recording
  return made.outputs[0]!
}

/** Values of a parameter as its specification says; seed and name determine random ones. */
export const freshValues = ({ shape, init }: ParameterSpec, name: string, seed: number): tf.Tensor => {
  if (init.kind === "normal") {
    const random = (of: ReadonlyArray<number>) => normals(of, init.std, keyOf(seed, name))
    if (!init.bias) return random(shape)
    const [rows, columns] = shape as [number, number]
    return tf.concat([random([rows, columns - 1]), tf.zeros([rows, 1])], 1)
  }
  return fillTensor(shape, "float32", (values) => (values as Float32Array).fill(init.kind === "ones" ? 1 : 0))
}

/**
 * A model with fresh parameters.
 *
 * Seed and name determine the random stream of each parameter: adding a layer leaves the others as they were.
 *
 * @param seed any safe integer
 */
export const initialise = <A extends Attends>(architecture: Architecture<A>, seed: number): ModelOf<A> =>
  makeModel(
    architecture,
    new Map(
      architecture.parameters.entries().map(([name, spec]) => [name, ownVariable(() => freshValues(spec, name, seed))]),
    ),
  )
