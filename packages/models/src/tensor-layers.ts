/**
 * The first interpreter of a description: its instructions as TFJS ops, differentiable in the parameters.
 *
 * Letters: B sequences, T positions, N = B T, d hidden size.
 */
import type { Attends, PassWeights } from "@winnow/core"
import { type FrozenMatrix, tf } from "@winnow/tensor"
import { embedding } from "./embedding.ts"
import { instructionOps, tensorSlots } from "./instruction-ops.ts"
import { type Description, headColumns, type Instruction, stream } from "./instructions.ts"
import { parameter } from "./parameters.ts"

/** The parts of a pass that depend on what lies before it: positions, rotation, mask, cache. */
export interface Surroundings {
  /** From the packed projections of a layer to the context of all heads. */
  readonly attend: (packed_Nc: tf.Tensor2D, layer: number) => tf.Tensor2D
  /** [N], where positions are learned. */
  readonly positions_N: tf.Tensor1D | undefined
  /** All layers and the last norm at once; undefined, or undefined from it, where they are run one by one. */
  readonly layers?: ((x_Nd: tf.Tensor2D) => tf.Tensor2D | undefined) | undefined
}

/** One column behind a hidden state, for the head's bias. */
const bias: Array<[number, number]> = [
  [0, 0],
  [0, 1],
]

/** The last norm. */
const normOf = (of: Description<Attends>, values: PassWeights, x_Nd: tf.Tensor2D): tf.Tensor2D =>
  instructionOps(values, of.heads, (packed_Nc) => packed_Nc).norm(x_Nd, of.norm)

/** Hidden states with the column that the head's bias reads. */
const withBias = (of: Description<Attends>, h_Nd: tf.Tensor2D): tf.Tensor2D =>
  of.head.bias ? tf.pad(h_Nd, bias, 1) : h_Nd

/** The last norm of a description alone, from [N, d] to the hidden states that the head reads. */
export const finalNorm = (of: Description<Attends>, values: PassWeights, x_Nd: tf.Tensor2D): tf.Tensor2D =>
  withBias(of, normOf(of, values, x_Nd))

/**
 * Hidden states [B, T, d] of a description; the caller's tidy owns the tensors.
 *
 * @param onLayer receives what each layer reads, [N, d], the embedding first, and at the end the states after the final norm
 */
export const runTensors = (
  of: Description<Attends>,
  values: PassWeights,
  ids_BT: tf.Tensor2D,
  { attend, positions_N, layers }: Surroundings,
  onLayer?: (x_Nd: tf.Tensor2D) => void,
): tf.Tensor3D => {
  const [B, T] = ids_BT.shape
  const p = <R extends tf.Tensor | FrozenMatrix>(name: string) => parameter<R>(values, name)
  const layer = (x_Nd: tf.Tensor2D, instructions: ReadonlyArray<Instruction>, l: number): tf.Tensor2D => {
    const slots = tensorSlots()
    slots.write(stream, x_Nd)
    instructionOps(values, of.heads, (packed_Nc) => attend(packed_Nc, l)).runAll(instructions, slots)
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
  const atOnce = onLayer === undefined ? layers?.(x_Nd) : undefined
  if (atOnce !== undefined) return tf.reshape(withBias(of, atOnce), [B, T, headColumns(of)])
  for (const [l, instructions] of of.layers.entries()) {
    onLayer?.(x_Nd)
    x_Nd = tf.tidy(() => layer(x_Nd, instructions, l))
  }
  const h_Nd = normOf(of, values, x_Nd)
  onLayer?.(h_Nd)
  return tf.reshape(withBias(of, h_Nd), [B, T, headColumns(of)])
}
