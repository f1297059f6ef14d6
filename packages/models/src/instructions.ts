/**
 * The description of a model: sizes, parameters, and its layers as lists of instructions. `tensor-layers.ts`
 * runs it with differentiable TFJS ops, `native-layers.ts` by native kernels as one such op, and `native-program.ts`
 * encodes it for native decoding.
 *
 * Values live in slots: matrices of one row for each token. Slot "x" is the residual stream: the embedding writes it, the
 * last norm reads it. An instruction reads the latest value of a slot; every slot but x is void at the end of a layer.
 *
 * Letters: N tokens, d hidden size, V vocabulary, U rows of the head (V, or fewer), h head size, Q query heads, G key-value heads.
 */
import type { Attends, ParameterSpec, Stored } from "@winnow/core"
import type { HeadLayout } from "./head-layout.ts"
import type { RotarySpec } from "./rotary-spec.ts"

/** Names of a linear layer's parameters: weight [outputs, inputs], bias [outputs]. */
export interface Matrix {
  readonly weight: string
  readonly bias?: string | undefined
}

/** An activation: "gelu" is x Phi(x), "gelu-tanh" its form with tanh (`gelu_new` of `transformers`), "silu" x / (1 + exp(-x)). */
export type Activation = "gelu" | "gelu-tanh" | "silu"

/** A norm over the columns of a row: by mean and variance ("layer"), or by the mean square ("rms"). */
export interface Norm {
  readonly kind: "layer" | "rms"
  readonly scale: string
  /** The shift of a layer norm; 0 if left out. */
  readonly shift?: string | undefined
  readonly eps: number
  /** The scale is one more than the parameter. */
  readonly plusOne?: boolean | undefined
}

/** One instruction. `from` and `to` are slots. */
export type Instruction =
  | ({
      readonly op: "norm"
      readonly from: string
      readonly to: string
      /** As of a linear layer. */
      readonly add?: true
    } & Norm)
  | {
      readonly op: "linear"
      readonly from: string
      readonly to: string
      /** Several layers write their outputs side by side, such as queries, keys and values. */
      readonly of: ReadonlyArray<Matrix>
      /** The activation of the product plus bias. */
      readonly activation?: Activation
      /** The result is added to the slot's content and does not replace it: a residual connection. */
      readonly add?: true
    }
  | {
      /** act(from gate^T + bias) * (from up^T + bias); act is the activation, or SiLU without one. */
      readonly op: "gate"
      readonly from: string
      readonly to: string
      readonly gate: Matrix
      /** If left out, the rows of up follow those of gate in one matrix. */
      readonly up?: Matrix
      readonly activation?: Activation | undefined
    }
  | {
      /**
       * The RMS norm of each head of queries and of keys, in packed projections [N, (Q + 2 G) h] of kinds; values pass. The
       * names are of scales [h].
       */
      readonly op: "headNorm"
      readonly from: string
      readonly to: string
      readonly queries: string
      readonly keys: string
      readonly eps: number
      /** As of a norm. */
      readonly plusOne?: boolean | undefined
    }
  | {
      /** From packed projections [N, (Q + 2 G) h] to the contexts of all heads [N, Q h]. Once a layer. */
      readonly op: "attend"
      readonly from: string
      readonly to: string
      /** Factor of the scores; 1 / sqrt(h) if left out. */
      readonly scale?: number | undefined
      /** A score x, after its factor, becomes cap tanh(x / cap) before the softmax; it is not capped if left out. */
      readonly cap?: number | undefined
      /**
       * At least 1: a token reads itself and the window - 1 positions before it, and in bidirectional attention as many
       * behind it. Without a window it reads all of its sequence.
       */
      readonly window?: number | undefined
      /** The rotary embedding of this attention, in place of the description's. */
      readonly rotary?: Rotation | undefined
    }
  | {
      /**
       * Multiplies each row of `to` by 2 g, g the first of softmax([from . by, from . against]); the names are of vectors.
       * It is exactly 1 where both vectors are equal.
       */
      readonly op: "weigh"
      readonly from: string
      readonly to: string
      readonly by: string
      readonly against: string
    }

/** The rotary embedding of queries and keys; `headSize`, `maxLength` and the factor of scores come from elsewhere. */
export type Rotation = Omit<RotarySpec, "headSize" | "maxLength" | "factor">

/** All of a model but the values of its parameters. The model is a decoder unless the type says otherwise. */
export interface Description<A extends Attends = "before"> {
  /** `model_type` of config.json. */
  readonly type: string
  /** The positions that every attention reads: a token's own and the earlier ones, or all of the sequence. */
  readonly attends: A
  /** config.json as `transformers` reads it. */
  readonly config: Record<string, unknown>
  readonly vocabularySize: number
  /** Rows of the head, where it predicts fewer ids than the model reads. */
  readonly headRows?: number
  /** d. */
  readonly hiddenSize: number
  /** Most positions of a sequence. */
  readonly maxLength: number
  readonly parameters: ReadonlyMap<string, ParameterSpec>
  /** The parameters whose form in files differs. */
  readonly stored?: ReadonlyMap<string, Stored>
  readonly heads: HeadLayout
  /** Without it, queries and keys are not rotated. */
  readonly rotary?: Rotation
  /** x = table[id], times `scale` if it is there, plus positions[position] where positions are learned. */
  readonly embed: { readonly table: string; readonly positions?: string; readonly scale?: number | undefined }
  readonly layers: ReadonlyArray<ReadonlyArray<Instruction>>
  /** The last norm. */
  readonly norm: Norm
  /**
   * The vocabulary head: logits = h . weight^T. With a bias the weight is [U, d + 1], its last column is the bias, and each
   * hidden state ends in a 1. With a cap logits are cap tanh(x / cap) of the products x.
   */
  readonly head: { readonly weight: string; readonly bias?: true; readonly cap?: number | undefined }
}

/** Columns of the hidden states that the head reads. */
export const headColumns = ({ hiddenSize, head }: Pick<Description<Attends>, "hiddenSize" | "head">): number =>
  hiddenSize + (head.bias ? 1 : 0)

/** The slot of the residual stream. */
export const stream = "x"

/** The matrices of an instruction, in the order in which they are applied. */
export const matricesOf = (i: Instruction): ReadonlyArray<Matrix> =>
  i.op === "linear" ? i.of : i.op === "gate" ? [i.gate, ...(i.up ? [i.up] : [])] : []

/** Columns of every slot. @error for weights that do not fit their slot, and for slots that are read before they are written */
export const slotWidths = (of: Description<Attends>): ReadonlyMap<string, number> => {
  const { heads, kvHeads, headSize } = of.heads
  const widths = new Map([[stream, of.hiddenSize]])
  const fail = (l: number, problem: string) => new Error(`${of.type}, layer ${l}: ${problem}`)
  for (const [l, layer] of of.layers.entries()) {
    const read = new Set([stream])
    const attends = layer.filter(({ op }) => op === "attend").length
    if (attends !== 1) throw fail(l, `found ${attends} attend instructions, expected one`)
    for (const i of layer) {
      const from = read.has(i.from) ? widths.get(i.from)! : undefined
      if (from === undefined) throw fail(l, `${i.op} reads slot ${i.from}, which nothing in the layer wrote before`)
      const outputs = matricesOf(i).map(({ weight }) => {
        const shape = of.parameters.get(weight)?.shape
        if (shape?.[1] !== from)
          throw fail(l, `${weight} is ${shape ? `[${shape}]` : "no parameter"}, expected [outputs, ${from}]`)
        return shape[0]!
      })
      // one matrix of both, or one each
      const [gate, up] = i.op === "gate" && i.up === undefined ? outputs.map((n) => n / 2) : outputs
      if (i.op === "gate" && (i.up === undefined ? gate! % 1 !== 0 : gate !== up))
        throw fail(l, `gate and up have ${outputs} outputs`)
      const packed = (heads + 2 * kvHeads) * headSize
      if ((i.op === "attend" || i.op === "headNorm") && from !== packed)
        throw fail(l, `${i.op} reads ${from} columns, expected ${packed}`)
      if (i.op === "headNorm")
        for (const name of [i.queries, i.keys]) {
          const shape = of.parameters.get(name)?.shape
          if (of.heads.order !== "kinds" || shape?.join() !== `${headSize}`)
            throw fail(
              l,
              `${name} is ${shape ? `[${shape}]` : "no parameter"}, expected [${headSize}] and heads by kind`,
            )
        }
      if (i.op === "weigh") {
        for (const name of [i.by, i.against]) {
          const shape = of.parameters.get(name)?.shape
          if (shape?.join() !== `${from}`)
            throw fail(l, `${name} is ${shape ? `[${shape}]` : "no parameter"}, expected [${from}]`)
        }
        if (!read.has(i.to)) throw fail(l, `weigh changes slot ${i.to}, which nothing in the layer wrote before`)
        continue
      }
      if (i.op === "attend" && !((i.window ?? 1) >= 1))
        throw fail(l, `found a window of ${i.window}, expected 1 or more`)
      const to = {
        norm: from,
        linear: outputs.reduce((a, b) => a + b, 0),
        gate: gate!,
        headNorm: from,
        attend: heads * headSize,
      }[i.op]
      const adds = (i.op === "linear" || i.op === "norm") && i.add === true
      if ((widths.get(i.to) ?? to) !== to || (adds && !read.has(i.to)))
        throw fail(l, `${i.op} writes ${to} columns to slot ${i.to}, which has ${widths.get(i.to) ?? "none"}`)
      widths.set(i.to, to)
      read.add(i.to)
    }
  }
  return widths
}
