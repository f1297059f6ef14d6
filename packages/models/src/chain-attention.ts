/**
 * Attention of a head that reads its own features, for training: from each position a chain of steps goes on, as it does
 * in decoding. Step s at position t stands for the text's position t + s. It reads the keys of the first step up to t,
 * whose features are the target's, and those of its own chain.
 *
 * Letters: B sequences, T positions, N = B T, h head size, Q query heads, G key-value heads, s number of a step, from 0.
 * @source Li et al., "EAGLE-3: Scaling up Inference Acceleration of Large Language Models via Training-Time Test", 2025
 * (arXiv 2503.01840), section 3.2
 */
import { tf } from "@winnow/tensor"
import { attention, headsFirst, mergeHeads, sequenceReach } from "./attention.ts"
import type { Circuit } from "./circuit.ts"
import { type CircuitFrame, circuitPlan } from "./circuit-tensors.ts"
import type { HeadLayout } from "./head-layout.ts"
import { attentionMask, packedMask } from "./mask.ts"
import { type RotaryFrame, rotaryEmbedding } from "./rotary.ts"

/** Keys and values of a step, each [G, B, T, h]. */
interface StepKeys {
  readonly k: tf.Tensor4D
  readonly v: tf.Tensor4D
}

/** The rotation of `attention`, by ops that TFJS differentiates. */
const rotate = (x: tf.Tensor4D, { cos, sin, turn_hh, whole_hh, rotated }: RotaryFrame): tf.Tensor4D => {
  const times = (matrix_hh: tf.Tensor2D) =>
    tf.reshape(tf.matMul(tf.reshape(x, [-1, x.shape[3]]), matrix_hh), x.shape) as tf.Tensor4D
  if (whole_hh !== undefined) return times(whole_hh)
  return rotated === 0 ? tf.mul(x, cos) : tf.add(tf.mul(x, cos), tf.mul(times(turn_hh), sin))
}

/** Each key-value head once for each of its query heads, [Q, B, T, h]. */
const repeated = (x: tf.Tensor4D, { heads, kvHeads, headSize }: HeadLayout): tf.Tensor4D => {
  if (heads === kvHeads) return x
  const [, B, T] = x.shape
  const times = heads / kvHeads
  const tiled = tf.tile(tf.reshape(x, [kvHeads, 1, B * T * headSize]), [1, times, 1])
  return tf.reshape(tiled, [heads, B, T, headSize])
}

/** The plain form of one step's attention, [N, Q h], with the keys of all steps so far, its own last. */
const attendSteps = (
  q_QBTh: tf.Tensor4D,
  steps: ReadonlyArray<StepKeys>,
  mask: tf.Tensor | undefined,
  layout: HeadLayout,
): tf.Tensor2D => {
  const [first, ...own] = steps.map(({ k, v }) => ({ k: repeated(k, layout), v: repeated(v, layout) }))
  const T = q_QBTh.shape[2]
  const scores = tf.matMul(q_QBTh, first!.k, false, true) as tf.Tensor4D
  const masked = mask === undefined ? scores : tf.add(scores, mask)
  const p = tf.softmax(tf.concat([masked, ...own.map(({ k }) => tf.sum(tf.mul(q_QBTh, k), -1, true))], -1))
  const of = (from: number, count: number) => tf.slice(p, [0, 0, 0, from], [-1, -1, -1, count])
  const context = own.reduce<tf.Tensor>(
    (sum, { v }, s) => tf.add(sum, tf.mul(of(T + s, 1), v)),
    tf.matMul(of(0, T), first!.v),
  )
  return mergeHeads(context as tf.Tensor4D)
}

/**
 * Attentions of the steps of a chain, to be called in their order; each is differentiable in the packed projections of all
 * steps so far. The caller's tidy owns the tensors.
 *
 * @param circuit with one `attend`, without a window; its `maxLength` covers the positions of the last step
 */
export const chainAttention = (
  circuit: Circuit,
  { B, T, start_BT }: CircuitFrame,
): ((packed_Nc: tf.Tensor2D) => tf.Tensor2D) => {
  const rotary = rotaryEmbedding(circuitPlan(circuit).rotaries[0]!)
  const layout = circuit.attention!.heads
  const { heads, kvHeads } = layout
  const steps: Array<StepKeys> = []
  let firstPacked: tf.Tensor2D | undefined
  const rotated = (packed_Nc: tf.Tensor2D, s: number) => {
    const frame = { B, T, rotary: rotary(B, T, s, undefined, start_BT), mask: undefined }
    const [qk, v] = tf.split(headsFirst(packed_Nc, frame, layout), [heads + kvHeads, kvHeads], 0)
    const [q, k] = tf.split(rotate(qk as tf.Tensor4D, frame.rotary), [heads, kvHeads], 0)
    return { q: q as tf.Tensor4D, k: k as tf.Tensor4D, v: v as tf.Tensor4D }
  }
  return (packed_Nc) => {
    if (firstPacked === undefined) {
      firstPacked = packed_Nc
      const reach = sequenceReach(B, T, start_BT)
      return attention(packed_Nc, { B, T, rotary: rotary(B, T, 0, undefined, start_BT), ...reach }, layout)
    }
    // The kernel of the first step keeps no keys: they are computed once more where a second step needs them.
    if (steps.length === 0) steps.push(rotated(firstPacked, 0))
    const { q, ...keys } = rotated(packed_Nc, steps.length)
    steps.push(keys)
    const mask = start_BT === undefined ? attentionMask(B, T, 0) : packedMask("before", B, T, start_BT)
    return attendSteps(q, steps, mask, layout)
  }
}
