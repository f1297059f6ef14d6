/**
 * The first interpreter of a description: its instructions as TFJS ops, differentiable in the parameters.
 *
 * Letters: B sequences, T positions, N = B T, d hidden size.
 */
import type { Attends, PassWeights } from "@winnow/core"
import {
  add3,
  type FrozenMatrix,
  gelu,
  geluTanh,
  layerNorm,
  linear,
  linears,
  rmsNorm,
  siluGate,
  tf,
} from "@winnow/tensor"
import { embedding } from "./embedding.ts"
import { headNorm } from "./head-norm.ts"
import {
  type Activation,
  type Description,
  headColumns,
  type Instruction,
  type Matrix,
  type Norm,
  stream,
} from "./instructions.ts"
import { parameter } from "./parameters.ts"

/** The parts of a pass that depend on what lies before it: positions, rotation, mask, cache. */
export interface Surroundings {
  /** From the packed projections of a layer to the context of all heads. */
  readonly attend: (packed_Nc: tf.Tensor2D, layer: number) => tf.Tensor2D
  /** [N], where positions are learned. */
  readonly positions_N: tf.Tensor1D | undefined
}

const activations: Readonly<Record<Activation, (x: tf.Tensor2D) => tf.Tensor2D>> = { gelu, "gelu-tanh": geluTanh }

type Gate = Extract<Instruction, { op: "gate" }>
type Weigh = Extract<Instruction, { op: "weigh" }>

/** One column behind a hidden state, for the head's bias. */
const bias: Array<[number, number]> = [
  [0, 0],
  [0, 1],
]

/**
 * Values by slot. Additions wait until the slot is read: two of them (a parallel residual) are then one pass over memory.
 */
class Slots {
  readonly #values = new Map<string, ReadonlyArray<tf.Tensor2D>>()

  write(name: string, value: tf.Tensor2D): void {
    this.#values.set(name, [value])
  }

  add(name: string, value: tf.Tensor2D): void {
    this.#values.set(name, [value, ...this.#values.get(name)!])
  }

  read(name: string): tf.Tensor2D {
    const terms = [...this.#values.get(name)!]
    while (terms.length > 1) {
      const [a, b, c] = terms.splice(-3) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D?]
      terms.push(c === undefined ? tf.add(a, b) : add3(a, b, c))
    }
    this.write(name, terms[0]!)
    return terms[0]!
  }
}

const normScale = (values: PassWeights, name: string, plusOne = false): tf.Tensor1D => {
  const scale = parameter<tf.Tensor1D>(values, name)
  return plusOne ? tf.add(scale, 1) : scale
}

const normed = (values: PassWeights, x: tf.Tensor2D, { kind, scale, shift, eps, plusOne }: Norm): tf.Tensor2D => {
  const scale_d = normScale(values, scale, plusOne)
  if (kind === "rms") return rmsNorm(x, scale_d, eps)
  const shift_d =
    shift === undefined ? tf.zerosLike(parameter<tf.Tensor1D>(values, scale)) : parameter<tf.Tensor1D>(values, shift)
  return layerNorm(x, scale_d, shift_d, eps)
}

/** Hidden states with the column that the head's bias reads. */
const withBias = (of: Description<Attends>, h_Nd: tf.Tensor2D): tf.Tensor2D =>
  of.head.bias ? tf.pad(h_Nd, bias, 1) : h_Nd

/** The last norm of a description alone, from [N, d] to the hidden states that the head reads. */
export const finalNorm = (of: Description<Attends>, values: PassWeights, x_Nd: tf.Tensor2D): tf.Tensor2D =>
  withBias(of, normed(values, x_Nd, of.norm))

/**
 * Hidden states [B, T, d] of a description; the caller's tidy owns the tensors.
 *
 * @param onLayer receives what each layer reads, [N, d], the embedding first, and at the end the states after the final norm
 */
export const runTensors = (
  of: Description<Attends>,
  values: PassWeights,
  ids_BT: tf.Tensor2D,
  { attend, positions_N }: Surroundings,
  onLayer?: (x_Nd: tf.Tensor2D) => void,
): tf.Tensor3D => {
  const [B, T] = ids_BT.shape
  const p = <R extends tf.Tensor | FrozenMatrix>(name: string) => parameter<R>(values, name)
  const weights = ({ weight, bias }: Matrix) => ({
    weight_ed: p<FrozenMatrix>(weight),
    bias_e: bias === undefined ? undefined : p<tf.Tensor1D>(bias),
  })
  const product = (x: tf.Tensor2D, of: Matrix) => {
    const { weight_ed, bias_e } = weights(of)
    return linear(x, weight_ed, bias_e)
  }
  const scaleOf = (name: string, plusOne = false) => normScale(values, name, plusOne)
  const norm = (x: tf.Tensor2D, of: Norm) => normed(values, x, of)
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
  const run = (i: Exclude<Instruction, Weigh>, x: tf.Tensor2D, l: number): tf.Tensor2D => {
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
        return headNorm(x, of.heads, scaleOf(i.queries, i.plusOne), scaleOf(i.keys, i.plusOne), i.eps)
      case "attend":
        return attend(x, l)
    }
  }
  const layer = (x_Nd: tf.Tensor2D, instructions: ReadonlyArray<Instruction>, l: number): tf.Tensor2D => {
    const slots = new Slots()
    slots.write(stream, x_Nd)
    for (const i of instructions) {
      if (i.op === "weigh") {
        slots.write(i.to, weighed(i, slots.read(i.from), slots.read(i.to)))
        continue
      }
      const y = run(i, slots.read(i.from), l)
      if ((i.op === "linear" || i.op === "norm") && i.add) slots.add(i.to, y)
      else slots.write(i.to, y)
    }
    return slots.read(stream)
  }
  const rows_Nc = embedding(p<FrozenMatrix>(of.embed.table), tf.reshape(ids_BT, [B * T]))
  // a table that is the head as well may have a column for its bias
  const rows_Nd = rows_Nc.shape[1] > of.hiddenSize ? tf.slice2d(rows_Nc, [0, 0], [B * T, of.hiddenSize]) : rows_Nc
  const tokens_Nd: tf.Tensor2D = of.embed.scale === undefined ? rows_Nd : tf.mul(rows_Nd, of.embed.scale)
  let x_Nd: tf.Tensor2D =
    positions_N === undefined
      ? tokens_Nd
      : tf.add(tokens_Nd, embedding(p<tf.Tensor2D>(of.embed.positions!), positions_N))
  for (const [l, instructions] of of.layers.entries()) {
    onLayer?.(x_Nd)
    x_Nd = tf.tidy(() => layer(x_Nd, instructions, l))
  }
  const h_Nd = norm(x_Nd, of.norm)
  onLayer?.(h_Nd)
  return tf.reshape(withBias(of, h_Nd), [B, T, headColumns(of)])
}
