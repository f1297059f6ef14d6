/**
 * Self-attention over rotated queries and keys. Causal and bidirectional attention over whole sequences have a closed-form
 * gradient. Causal attention also runs over a cache. The native kernel computes causal attention alone; TensorFlow ops
 * compute bidirectional attention.
 *
 * Letters: B sequences, T new positions, P cached positions, S = P + T, N = B T, h head size, Q query heads,
 * G key-value heads, C = Q + 2 G.
 *
 * Tensors are laid out heads first, [heads, B, T, h]. Queries, keys and values are then runs of the first dimension:
 * TensorFlow splits it without a copy, and tables and masks broadcast over it.
 */
import type { Attends } from "@winnow/core"
import {
  address,
  type ChainAttention,
  customGrad,
  type Native,
  native,
  output,
  product,
  softCap,
  softCapSlope,
  tf,
} from "@winnow/tensor"
import type { HeadLayout } from "./head-layout.ts"
import { attentionMask, packedMask, windowStarts } from "./mask.ts"
import type { Rotary, RotaryFrame } from "./rotary.ts"

/** The part of a pass that says which positions a position reads. */
export interface Reach {
  /** [T, S] or [B, T, S], added to the scores. */
  readonly mask: tf.Tensor | undefined
}

/** The reach of a pass over whole sequences, without a cache. */
export interface SequenceReach extends Reach {
  /** Set if the native kernel runs the pass: it needs no mask. */
  readonly native: Native | undefined
  /** [N], int32: the first position that each attends to; see `sequenceReach`. */
  readonly start_N: tf.Tensor1D | undefined
}

/** Inputs of one attention. */
export interface AttentionFrame extends Reach {
  readonly B: number
  readonly T: number
  readonly rotary: RotaryFrame
  /** Scores x are cap tanh(x / cap); they are not capped if left out. */
  readonly cap?: number | undefined
}

/** The inputs of one attention in a pass over whole sequences. */
export interface SequenceFrame extends AttentionFrame, SequenceReach {}

/** @error for starts that no packed sequences can have */
const checkStarts = (start_N: Int32Array, B: number, T: number): void => {
  const wrong = start_N.length === B * T ? start_N.findIndex((start, n) => start < 0 || start > (n % T) + 1) : -2
  if (wrong !== -1)
    throw new Error(
      wrong === -2
        ? `packed sequences: found ${start_N.length} starts, expected one for each of ${B} x ${T} tokens`
        : `packed sequences: token ${wrong % T} of sequence ${Math.floor(wrong / T)} starts at ${start_N[wrong]}, expected 0 to ${(wrong % T) + 1}`,
    )
}

/**
 * The reach of one forward pass over whole sequences; the caller's tidy owns its tensors.
 *
 * @param start_N of packed sequences: the first position 0 to t of each row's sequence, from which its positions count;
 *   t + 1 for padding, whose context is 0. Without it each row is one sequence and has no padding
 * @param window positions that a token reads on each side of it, its own included
 */
export const sequenceReach = (
  B: number,
  T: number,
  start_N?: Int32Array,
  attends: Attends = "before",
  window?: number,
): SequenceReach => {
  if (start_N !== undefined) checkStarts(start_N, B, T)
  const fast = attends === "before" ? native() : undefined
  const plainMask = () => {
    if (attends === "before" && start_N === undefined) return attentionMask(B, T, 0, undefined, window)
    if (start_N === undefined && (window === undefined || T <= window)) return undefined
    return packedMask(attends, B, T, start_N ?? new Int32Array(B * T), window)
  }
  // starts express a causal window; a bidirectional window needs the mask
  const first_N = attends === "before" ? windowStarts(B, T, start_N, window) : start_N
  return {
    native: fast,
    mask: fast === undefined ? plainMask() : undefined,
    start_N: first_N === undefined ? undefined : tf.tensor1d(first_N, "int32"),
  }
}

/** Reach and rotary tables of one forward pass over whole sequences; the caller's tidy owns the tensors. */
export const sequenceFrame = (
  rotary: Rotary,
  B: number,
  T: number,
  start_N?: Int32Array,
  attends: Attends = "before",
  window?: number,
): SequenceFrame => {
  const reach = sequenceReach(B, T, start_N, attends, window)
  return { B, T, rotary: rotary(B, T, 0, undefined, start_N), ...reach }
}

/** [N, C h] to [C, B, T, h]. */
export const headsFirst = (packed_Nc: tf.Tensor2D, { B, T }: AttentionFrame, layout: HeadLayout): tf.Tensor4D => {
  const { heads, kvHeads, headSize, order } = layout
  const C = heads + 2 * kvHeads
  if (order === "heads") {
    const x = tf.transpose(tf.reshape(packed_Nc, [B, T, heads, 3, headSize]), [3, 2, 0, 1, 4])
    return tf.reshape(x, [C, B, T, headSize])
  }
  if (B * T === 1) return tf.reshape(packed_Nc, [C, 1, 1, headSize])
  return tf.transpose(tf.reshape(packed_Nc, [B, T, C, headSize]), [2, 0, 1, 3])
}

/** [C, B, T, h] to [N, C h]: the inverse of `headsFirst`. */
const headsLast = (x_CBTh: tf.Tensor4D, { B, T }: AttentionFrame, layout: HeadLayout): tf.Tensor2D => {
  const { heads, kvHeads, headSize, order } = layout
  const C = heads + 2 * kvHeads
  const back =
    order === "heads"
      ? tf.transpose(tf.reshape(x_CBTh, [3, heads, B, T, headSize]), [2, 3, 1, 0, 4])
      : tf.transpose(x_CBTh, [1, 2, 0, 3])
  return tf.reshape(back, [B * T, C * headSize])
}

/** Context of all heads, [Q, B, T, h] to [N, Q h]. */
export const mergeHeads = (context_QBTh: tf.Tensor4D): tf.Tensor2D => {
  const [Q, B, T, h] = context_QBTh.shape
  if (B * T === 1) return tf.reshape(context_QBTh, [1, Q * h])
  return tf.reshape(tf.transpose(context_QBTh, [1, 2, 0, 3]), [B * T, Q * h])
}

/** The product of all rows [..., h] with one matrix [h, h], as one rank-2 product. */
const timesMatrix = (x: tf.Tensor4D, matrix_hh: tf.Tensor2D, transpose = false): tf.Tensor4D => {
  const [a, b, c, h] = x.shape
  return tf.reshape(product(tf.reshape(x, [a * b * c, h]), matrix_hh, false, transpose), x.shape)
}

const rotate = (x: tf.Tensor4D, { cos, sin, turn_hh, whole_hh, rotated }: RotaryFrame): tf.Tensor4D => {
  if (whole_hh !== undefined) return timesMatrix(x, whole_hh)
  return rotated === 0 ? tf.mul(x, cos) : tf.add(tf.mul(x, cos), tf.mul(timesMatrix(x, turn_hh), sin))
}

/** The heads in groups that share a key-value head: [heads, ...] to [G, heads / G, ...], a view. */
const grouped = (x: tf.Tensor4D, groups: number): tf.Tensor =>
  tf.reshape(x, [groups, x.shape[0] / groups, ...x.shape.slice(1)])

/** a . b or a . b^T for each query head; b has the keys or values of the query head's group. */
const headProduct = (
  a: tf.Tensor4D,
  b_GBSh: tf.Tensor4D,
  { heads, kvHeads }: HeadLayout,
  transposeB: boolean,
): tf.Tensor4D => {
  if (heads === kvHeads) return tf.matMul(a, b_GBSh, false, transposeB)
  const x = tf.matMul(grouped(a, kvHeads), grouped(b_GBSh, kvHeads), false, transposeB)
  return tf.reshape(x, [heads, ...x.shape.slice(2)] as [number, number, number, number])
}

/** softmax(q . k^T + mask), capped before the mask, [Q, B, T, S]; the scale of the scores is in the rotary tables. */
const attend = (
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  { mask, cap }: Pick<AttentionFrame, "mask" | "cap">,
  layout: HeadLayout,
): tf.Tensor4D => {
  const scores = softCap(headProduct(q, k, layout, true), cap)
  return tf.softmax<tf.Tensor4D>(mask === undefined ? scores : tf.add(scores, mask))
}

/** Runs of the first dimension, which share the memory of x. */
const split = (x: tf.Tensor4D, sizes: ReadonlyArray<number>): ReadonlyArray<tf.Tensor4D> =>
  tf.split(x, [...sizes], 0) as unknown as ReadonlyArray<tf.Tensor4D>

/** a^T . b summed over the query heads of a group, [G, B, S, h]: a gradient of keys or of values. */
const groupSum = (a_QBTS: tf.Tensor4D, b_QBTh: tf.Tensor4D, { heads, kvHeads }: HeadLayout): tf.Tensor4D => {
  const each_QBSh: tf.Tensor4D = tf.matMul(a_QBTS, b_QBTh, true, false)
  return heads === kvHeads ? each_QBSh : (tf.sum(grouped(each_QBSh, kvHeads), 1) as tf.Tensor4D)
}

/**
 * `attention` of TensorFlow ops.
 *
 * The gradient is the closed form: with P the probabilities, dS = P (dP - sum(dO O)), times the slope of a cap. The
 * backward pass therefore keeps the probabilities and no scores.
 */
export const plainAttention = (packed_Nc: tf.Tensor2D, frame: SequenceFrame, layout: HeadLayout): tf.Tensor2D => {
  const context_Nc = maskedAttention(packed_Nc, frame, layout)
  if (frame.start_N === undefined) return context_Nc
  const { B, T } = frame
  const position_N = tf.tile(tf.range(0, T, 1, "int32"), [B])
  const real_N1 = tf.reshape(tf.cast(tf.lessEqual(frame.start_N, position_N), "float32"), [B * T, 1])
  return tf.mul(context_Nc, real_N1)
}

const maskedAttention = (packed_Nc: tf.Tensor2D, frame: AttentionFrame, layout: HeadLayout): tf.Tensor2D => {
  const { B, T } = frame
  const { heads, kvHeads, headSize } = layout
  const { cos, sin, turn_hh, rotated } = frame.rotary
  return customGrad(
    ([packed], save) => {
      const [qk, v] = split(headsFirst(packed as tf.Tensor2D, frame, layout), [heads + kvHeads, kvHeads])
      const [q, k] = split(rotate(qk!, frame.rotary), [heads, kvHeads])
      const p = attend(q!, k!, frame, layout)
      const context = headProduct(p, v!, layout, false)
      save([q!, k!, v!, p, context, cos, sin, turn_hh])
      const gradFunc = (d_Nc: tf.Tensor, saved: ReadonlyArray<tf.Tensor>) => {
        const [q, k, v, p, context] = saved as ReadonlyArray<tf.Tensor4D>
        const [cos, sin, turn_hh] = saved.slice(5)
        const dContext = tf.transpose(tf.reshape(d_Nc, [B, T, heads, headSize]), [2, 0, 1, 3]) as tf.Tensor4D
        const dP = headProduct(dContext, v!, layout, true)
        const dCapped = tf.mul(p!, tf.sub(dP, tf.sum(tf.mul(dContext, context!), -1, true))) as tf.Tensor4D
        // the scores are computed once more, so that nothing but the probabilities is kept
        const slope = () => softCapSlope(softCap(headProduct(q!, k!, layout, true), frame.cap), frame.cap!)
        const dScores = frame.cap === undefined ? dCapped : tf.mul<tf.Tensor4D>(dCapped, slope())
        const dRotated = tf.concat([headProduct(dScores, k!, layout, false), groupSum(dScores, q!, layout)], 0)
        const straight = tf.mul(dRotated, cos!)
        const turned = () => timesMatrix(tf.mul(dRotated, sin!) as tf.Tensor4D, turn_hh as tf.Tensor2D, true)
        const dQk = rotated === 0 ? straight : tf.add(straight, turned())
        return headsLast(tf.concat([dQk as tf.Tensor4D, groupSum(p!, dContext, layout)], 0), frame, layout)
      }
      return { value: mergeHeads(context), gradFunc }
    },
    [packed_Nc],
  )
}

/** The C struct WinnowAttention. */
const sizesOf = ({ B, T, rotary, cap }: SequenceFrame, { heads, kvHeads, headSize, order }: HeadLayout): Int32Array => {
  const sizes = Int32Array.of(
    B,
    T,
    heads,
    kvHeads,
    headSize,
    rotary.rotated,
    order === "heads" ? 1 : 0,
    rotary.cos.rank === 3 ? 1 : 0,
    0,
  )
  new Float32Array(sizes.buffer)[8] = cap ?? 0
  return sizes
}

/** The inputs of the kernel in a chain. */
export const chainAttention = (frame: SequenceFrame, layout: HeadLayout): ChainAttention => ({
  sizes: sizesOf(frame, layout),
  heads: layout.heads,
  kvHeads: layout.kvHeads,
  headSize: layout.headSize,
  cos: frame.rotary.cos,
  sin: frame.rotary.sin,
  start_N: frame.start_N,
})

/** The kernel reads the packed rows in place, block by block; no probability outlives its block (`native/attention.h`). */
const nativeAttention = (
  { C }: Native,
  packed_Nc: tf.Tensor2D,
  frame: SequenceFrame,
  layout: HeadLayout,
): tf.Tensor2D => {
  const { heads, kvHeads, headSize } = layout
  const N = frame.B * frame.T
  const width = (heads + 2 * kvHeads) * headSize
  if (packed_Nc.shape[0] !== N || packed_Nc.shape[1] !== width)
    throw new Error(`attention: found packed rows [${packed_Nc.shape}], expected [${N}, ${width}]`)
  const { cos, sin } = frame.rotary
  const sizes = sizesOf(frame, layout)
  const startOf = (start_N: tf.Tensor | undefined) => (start_N === undefined ? null : address(start_N))
  return customGrad(
    ([packed], save) => {
      const [context, lse] = [output([N, heads * headSize]), output([N, heads])]
      const tables = [address(cos), address(sin), startOf(frame.start_N)] as const
      C.winnow_attention(sizes, address(packed!), ...tables, context.address, lse.address)
      save([packed!, cos, sin, context.tensor, lse.tensor, ...(frame.start_N ? [frame.start_N] : [])])
      return {
        value: context.tensor,
        gradFunc: (d_Nc, [packed, cos, sin, context, lse, start_N]) => {
          const d = output([N, width])
          const tables = [address(cos!), address(sin!), startOf(start_N)] as const
          const made = [address(context!), address(lse!)] as const
          C.winnow_attention_gradient(sizes, address(packed!), ...tables, ...made, address(d_Nc), d.address)
          return d.tensor
        },
      }
    },
    [packed_Nc],
  )
}

/** Attention among T positions, with the reach and rotation of the frame, [N, C h] to [N, Q h]; differentiable. */
export const attention = (packed_Nc: tf.Tensor2D, frame: SequenceFrame, layout: HeadLayout): tf.Tensor2D =>
  frame.native === undefined
    ? plainAttention(packed_Nc, frame, layout)
    : nativeAttention(frame.native, packed_Nc, frame, layout)

/** Keys and values of one layer, each [G, 1, B, S, h]. */
export interface KeysAndValues {
  readonly k: tf.Tensor
  readonly v: tf.Tensor
}

/**
 * Attention of T positions that follow the cached positions; not differentiable.
 *
 * No size that depends on P goes through JavaScript, so one recording of the computation serves every P. The query
 * heads of a group broadcast over the second dimension of keys and values.
 * @returns the context, [N, Q h], and the keys and values of all S positions
 */
export const cachedAttention = (
  packed_Nc: tf.Tensor2D,
  frame: AttentionFrame,
  layout: HeadLayout,
  past: KeysAndValues | undefined,
): KeysAndValues & { readonly context_Nc: tf.Tensor2D } => {
  const { B, T } = frame
  const { heads, kvHeads, headSize } = layout
  const [qk, v] = split(headsFirst(packed_Nc, frame, layout), [heads + kvHeads, kvHeads])
  const [q, k] = split(rotate(qk!, frame.rotary), [heads, kvHeads])
  const append = (before: tf.Tensor | undefined, x: tf.Tensor4D) => {
    const x_G1BTh = tf.reshape(x, [kvHeads, 1, B, T, headSize])
    return before === undefined ? x_G1BTh : tf.concat([before, x_G1BTh], 3)
  }
  const [keys, values] = [append(past?.k, k!), append(past?.v, v!)]
  const scores = softCap(tf.matMul(grouped(q!, kvHeads), keys, false, true), frame.cap)
  const p = tf.softmax(frame.mask === undefined ? scores : tf.add(scores, frame.mask))
  const context = tf.reshape(tf.matMul(p, values), [heads, B, T, headSize]) as tf.Tensor4D
  return { context_Nc: mergeHeads(context), k: keys, v: values }
}
