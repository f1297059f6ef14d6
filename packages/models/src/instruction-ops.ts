/**
 * Instructions as TFJS ops, differentiable in the parameters.
 *
 * Letters: N tokens, c columns of a slot.
 */
import type { PassWeights } from "@winnow/core"
import {
  add3,
  type FrozenMatrix,
  gelu,
  geluTanh,
  headNorm,
  layerNorm,
  linear,
  linears,
  rmsNorm,
  siluGate,
  tf,
} from "@winnow/tensor"
import type { HeadLayout } from "./head-layout.ts"
import type { Activation, Instruction, Matrix, Norm } from "./instructions.ts"
import { parameter } from "./parameters.ts"

const silu = (x: tf.Tensor2D): tf.Tensor2D => tf.mul(x, tf.sigmoid(x))
const activations: Readonly<Record<Activation, (x: tf.Tensor2D) => tf.Tensor2D>> = { gelu, "gelu-tanh": geluTanh, silu }

type Gate = Extract<Instruction, { op: "gate" }>
type Weigh = Extract<Instruction, { op: "weigh" }>

/**
 * Values by slot. Additions wait until the slot is read: two of them (a parallel residual) are then one pass over memory.
 */
export class Slots<V> {
  readonly #values = new Map<string, ReadonlyArray<V>>()

  /** @param sum of two values or three, the latest first */
  constructor(private readonly sum: (terms: readonly [V, V, V?]) => V) {}

  write(name: string, value: V): void {
    this.#values.set(name, [value])
  }

  add(name: string, value: V): void {
    this.#values.set(name, [value, ...this.#values.get(name)!])
  }

  read(name: string): V {
    const terms = [...this.#values.get(name)!]
    while (terms.length > 1) terms.push(this.sum(terms.splice(-3) as [V, V, V?]))
    this.write(name, terms[0]!)
    return terms[0]!
  }
}

/** Slots of tensors. */
export const tensorSlots = (): Slots<tf.Tensor2D> =>
  new Slots(([a, b, c]) => (c === undefined ? tf.add<tf.Tensor2D>(a, b) : add3(a, b, c)))

/** The ops of norms and instructions with these weights. */
export interface InstructionOps {
  readonly norm: (x: tf.Tensor2D, norm: Norm) => tf.Tensor2D
  /** Runs a list of instructions over slots. */
  readonly runAll: (instructions: Iterable<Instruction>, slots: Slots<tf.Tensor2D>) => void
}

/**
 * @param attend from packed projections to contexts, for an `attend`
 * @param heads of a `headNorm`
 */
export const instructionOps = (
  values: PassWeights,
  heads: HeadLayout | undefined,
  attend: (packed_Nc: tf.Tensor2D) => tf.Tensor2D,
): InstructionOps => {
  const p = <R extends tf.Tensor | FrozenMatrix>(name: string) => parameter<R>(values, name)
  const weights = ({ weight, bias }: Matrix) => ({
    weight_ed: p<FrozenMatrix>(weight),
    bias_e: bias === undefined ? undefined : p<tf.Tensor1D>(bias),
  })
  const product = (x: tf.Tensor2D, of: Matrix) => {
    const { weight_ed, bias_e } = weights(of)
    return linear(x, weight_ed, bias_e)
  }
  const scaleOf = (name: string, plusOne = false): tf.Tensor1D =>
    plusOne ? tf.add(p<tf.Tensor1D>(name), 1) : p<tf.Tensor1D>(name)
  const norm = (x: tf.Tensor2D, { kind, scale, shift, eps, plusOne }: Norm) =>
    kind === "rms"
      ? rmsNorm(x, scaleOf(scale, plusOne), eps)
      : layerNorm(
          x,
          scaleOf(scale, plusOne),
          shift === undefined ? tf.zerosLike(p<tf.Tensor1D>(scale)) : p<tf.Tensor1D>(shift),
          eps,
        )
  /** act(gate) . up, of two matrices, or of one. */
  const multiplied = (x: tf.Tensor2D, { gate, up }: Gate, act: (x: tf.Tensor2D) => tf.Tensor2D) => {
    const [a, b] =
      up === undefined ? (tf.split(product(x, gate), 2, 1) as Array<tf.Tensor2D>) : [product(x, gate), product(x, up)]
    return tf.mul<tf.Tensor2D>(act(a!), b!)
  }
  /** y with each row times 2 softmax([x . by, x . against])[0] = 2 sigmoid(x . (by - against)). */
  const weighed = ({ by, against }: Weigh, x: tf.Tensor2D, y: tf.Tensor2D): tf.Tensor2D => {
    const w_d1 = tf.reshape(tf.sub(p<tf.Tensor1D>(by), p<tf.Tensor1D>(against)), [-1, 1]) as tf.Tensor2D
    const g_N1 = tf.mul(tf.sigmoid(tf.matMul(x, w_d1)), 2)
    return tf.mul(y, g_N1)
  }
  const run = (i: Exclude<Instruction, Weigh>, x: tf.Tensor2D): tf.Tensor2D => {
    switch (i.op) {
      case "norm":
        return norm(x, i)
      case "linear": {
        const y = i.of.length === 1 ? product(x, i.of[0]!) : linears(x, i.of.map(weights))
        return i.activation === undefined ? y : activations[i.activation](y)
      }
      case "gate":
        if (i.activation === undefined)
          return siluGate(i.up === undefined ? product(x, i.gate) : linears(x, [i.gate, i.up].map(weights)))
        return multiplied(x, i, activations[i.activation])
      case "headNorm":
        return headNorm(x, heads!, scaleOf(i.queries, i.plusOne), scaleOf(i.keys, i.plusOne), i.eps)
      case "attend":
        return attend(x)
    }
  }
  const runAll = (instructions: Iterable<Instruction>, slots: Slots<tf.Tensor2D>) => {
    for (const i of instructions) {
      if (i.op === "weigh") {
        slots.write(i.to, weighed(i, slots.read(i.from), slots.read(i.to)))
        continue
      }
      const y = run(i, slots.read(i.from))
      if ((i.op === "linear" || i.op === "norm") && i.add) slots.add(i.to, y)
      else slots.write(i.to, y)
    }
  }
  return { norm, runAll }
}
