/**
 * The layers of a description over whole sequences as one chain of native kernels: the interpreter of training, where each
 * instruction has a kernel. `tensor-layers.ts` runs all others, and is the plain form of the same numbers.
 *
 * Letters: N tokens, c columns, d hidden size.
 */
import type { Attends, PassWeights } from "@winnow/core"
import {
  type Chain,
  type ChainAttention,
  chained,
  type FrozenMatrix,
  type Halves,
  nativeProductsFor,
  tf,
  type Value,
} from "@winnow/tensor"
import { chainAttention, type SequenceFrame } from "./attention.ts"
import { Slots } from "./instruction-ops.ts"
import { type Description, type Instruction, type Matrix, matricesOf, type Norm, stream } from "./instructions.ts"
import { parameter } from "./parameters.ts"

/** An instruction with a kernel for each of its parts. */
type ChainInstruction = Exclude<Instruction, { op: "weigh" }>

const isOfChain = (i: Instruction): i is ChainInstruction => {
  switch (i.op) {
    case "norm":
      return i.kind === "rms" || i.shift !== undefined
    case "linear":
      return i.activation !== "silu"
    case "gate":
      return i.activation === undefined
    case "headNorm":
    case "attend":
      return true
    case "weigh":
      return false
  }
}

const namesOfNorm = ({ scale, shift }: Norm) => [scale, ...(shift === undefined ? [] : [shift])]
const namesOf = (i: Instruction): ReadonlyArray<string> =>
  i.op === "norm"
    ? namesOfNorm(i)
    : i.op === "headNorm"
      ? [i.queries, i.keys]
      : matricesOf(i).flatMap(({ weight, bias }) => (bias === undefined ? [weight] : [weight, bias]))

/** All layers and the last norm, from [N, d] to [N, d]; undefined where a pass needs the interpreter of tensors. */
export type NativeLayers = (
  values: PassWeights,
  x_Nd: tf.Tensor2D,
  frames: ReadonlyArray<SequenceFrame>,
) => tf.Tensor2D | undefined

/** The interpreter of a description; undefined if an instruction has no kernel, or a parameter has two places. */
export const nativeLayers = (of: Description<Attends>): NativeLayers | undefined => {
  const { norm, heads } = of
  const layers = of.layers.map((layer) => layer.filter(isOfChain))
  const names = [...of.layers.flat().flatMap(namesOf), ...namesOfNorm(norm)]
  if (layers.flat().length < of.layers.flat().length || !isOfChain({ op: "norm", from: stream, to: stream, ...norm }))
    return undefined
  if (new Set(names).size < names.length) return undefined
  /** The scales that are one more than their parameter. */
  const more = new Set(
    [...of.layers.flat(), { op: "norm" as const, ...norm }].flatMap((i) =>
      i.op === "norm" && i.plusOne ? [i.scale] : i.op === "headNorm" && i.plusOne ? [i.queries, i.keys] : [],
    ),
  )

  const run = (chain: Chain, x: Value, to: number, given: PassWeights, frames: ReadonlyArray<SequenceFrame>) => {
    const vector = (name: string) => parameter<tf.Tensor1D>(given, name)
    const normed = (x: Value, { kind, scale, shift, eps }: Norm, to?: number) =>
      kind === "rms"
        ? chain.rmsNorm(x, vector(scale), eps, to)
        : chain.layerNorm(x, vector(scale), vector(shift!), eps, to)
    const weights = ({ weight, bias }: Matrix) => ({
      weight_ed: parameter<FrozenMatrix>(given, weight),
      bias_e: bias === undefined ? undefined : vector(bias),
    })
    const one = (i: ChainInstruction, x: Value, attention: ChainAttention): Value => {
      switch (i.op) {
        case "norm":
          return normed(x, i)
        case "linear": {
          const y = chain.linears(x, i.of.map(weights))
          return i.activation === undefined ? y : chain.activation(y, i.activation as "gelu" | "gelu-tanh")
        }
        case "gate":
          return chain.siluGate(chain.linears(x, matricesOf(i).map(weights)))
        case "headNorm":
          return chain.headNorm(x, heads, vector(i.queries), vector(i.keys), i.eps)
        case "attend":
          return chain.attention(x, attention)
      }
    }
    for (const [l, layer] of layers.entries()) {
      const attention = chainAttention(frames[l]!, heads)
      const slots = new Slots<Value>((terms) => chain.sum(terms))
      slots.write(stream, x)
      for (const i of layer) {
        const y = one(i, slots.read(i.from), attention)
        if ((i.op === "linear" || i.op === "norm") && i.add) slots.add(i.to, y)
        else slots.write(i.to, y)
      }
      x = slots.read(stream)
      chain.keepOnly(x)
    }
    return normed(x, norm, to)
  }

  return (values, x_Nd, frames) => {
    const library = nativeProductsFor(x_Nd.shape[0])
    if (library === undefined || frames.some((frame) => frame.native === undefined)) return undefined
    const given = new Map<string, tf.Tensor | Halves>()
    for (const name of names) {
      const value = parameter<tf.Tensor | Halves>(values, name)
      given.set(name, more.has(name) ? tf.add(value as tf.Tensor, 1) : value)
    }
    const weights: PassWeights = given as Map<string, tf.Variable | Halves> // a pass only reads them
    return chained(library, x_Nd, [...given.values()], of.hiddenSize, (chain, x, to) =>
      run(chain, x, to, weights, frames),
    )
  }
}
