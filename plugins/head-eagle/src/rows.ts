/**
 * The rows of the head in training: one entry a step. Step s at position t has the token at t + s and the feature before it,
 * at first the target's, then its own, and predicts the token at t + s + 1.
 *
 * Letters: B sequences, T positions, P = B T, M rows of an entry, d hidden size, s number of a step, from 1.
 */
import { type DraftRows, type Parameters, type PassWeights, type Problem, rowsAhead, type Seen } from "@winnow/core"
import { type Circuit, chainAttention, circuitOutputs, targetWeights } from "@winnow/models"
import { tf } from "@winnow/tensor"
import { slots } from "./layer.ts"

/** The values that the rows read of the target. */
export type EagleSeen = Pick<Seen, "targetHidden" | "targetLayers" | "targetEmbedding" | "targetHead">

/** Constants of the rows. */
export interface EagleRows {
  readonly d: number
  readonly step: Circuit
  /** Of EAGLE-3: the circuit of the taps, and the layers that it reads. */
  readonly taps?: { readonly circuit: Circuit; readonly layers: ReadonlyArray<number> } | undefined
  readonly head: string
  readonly steps: number
  /** Factor from one step's weight to the next. */
  readonly decay: number
  /** Weight of the features' loss; 0: none. */
  readonly feature: number
}

/** The tokens of each position's s-th successor; past the end of its row any token: no row depends on it. */
const tokensAfter = ({ ids_BT, B, T }: Problem, s: number): tf.Tensor1D => {
  const after = new Int32Array(B * T)
  for (let b = 0; b < B; b++) after.set(ids_BT.subarray(b * T + Math.min(s, T), (b + 1) * T), b * T)
  return tf.tensor1d(after, "int32")
}

/** The mean over columns of the smooth L1 distance, with its corner at 1: PyTorch's. [M] of two [M, d]. */
export const smoothL1 = (x_Md: tf.Tensor2D, y_Md: tf.Tensor2D): tf.Tensor1D => {
  const far = tf.abs(tf.sub(x_Md, y_Md))
  const near = tf.minimum(far, 1)
  return tf.mean(tf.add(tf.mul(tf.square(near), 0.5), tf.sub(far, near)), 1)
}

/** The entries of all steps, on the tape. */
export const eagleRows = (
  { d, step, taps, head, steps, decay, feature }: EagleRows,
  parameters: Parameters,
  problem: Problem,
  { targetHidden, targetLayers, targetEmbedding, targetHead }: EagleSeen,
): ReadonlyArray<DraftRows> => {
  const weights: PassWeights = {
    get: (name) => (name === targetWeights.embedding ? (targetEmbedding as tf.Variable) : parameters.get(name)),
    keys: () => parameters.keys(),
  }
  const flat = (x: tf.Tensor) => tf.reshape(x, [-1, d]) as tf.Tensor2D
  const none = (packed: tf.Tensor2D) => packed
  const firstFeature = (): tf.Tensor2D => {
    if (taps === undefined) return flat(targetHidden)
    const inputs = new Map([
      [
        slots.taps,
        tf.concat(
          taps.layers.map((layer) => flat(targetLayers.get(layer)!)),
          1,
        ) as tf.Tensor2D,
      ],
    ])
    return circuitOutputs(taps.circuit, weights, { inputs }, none).get(slots.feature)!
  }
  const hidden_Pd = feature === 0 ? undefined : flat(targetHidden)
  const attend = chainAttention(step, problem)
  const entries: Array<DraftRows> = []
  let x_Pd = firstFeature()
  for (let s = 1; s <= steps; s++) {
    const given = { inputs: new Map([[slots.feature, x_Pd]]), ids: [tokensAfter(problem, s)] }
    const outputs = circuitOutputs(step, weights, given, attend)
    x_Pd = outputs.get(slots.feature)!
    const { at_M, row_M } = rowsAhead(problem, s)
    const at = (of: tf.Tensor2D, rows: Int32Array) => tf.gather(of, tf.tensor1d(rows, "int32")) as tf.Tensor2D
    const added = () => {
      const after_Md = at(
        hidden_Pd!,
        row_M.map((row) => row + s),
      )
      return tf.mul(smoothL1(at(x_Pd, row_M), after_Md), feature) as tf.Tensor1D
    }
    entries.push({
      h_Md: at(outputs.get(slots.state)!, row_M),
      head_Vd: head === targetWeights.head ? targetHead : parameters.get(head)!,
      at_M,
      weight: decay ** (s - 1),
      ...(hidden_Pd && { added_M: added() }),
    })
  }
  return entries
}
