/**
 * Rotary position embedding: the few tensors of it that a forward pass needs, computed once a pass for all layers.
 *
 * Letters: B sequences, T new positions, P cached positions, S = P + T, h head size, r rotated part of h.
 *
 * With x = (x1, x2, rest) and x1, x2 each half of the rotated part: rotary(x) = x * cos + (x . R) * sin, where R is
 * the signed permutation with x . R = (-x2, x1, 0). A product with R is one op; slicing, negating and joining
 * are four. The unrotated part has cos = 1 and sin = 0. The tables carry the factor of queries and keys, h^-1/4, so
 * the 1/sqrt(h) of the scores costs no op. Without rotation (r = 0) cos is that factor, and no product is computed.
 */
import { tf } from "@winnow/tensor"
import { positionsOf } from "./positions.ts"
import type { RotarySpec } from "./rotary-spec.ts"
import { checkPositions, rotaryScale, rotaryTables } from "./rotary-tables.ts"

export type { RotarySpec } from "./rotary-spec.ts"

/** The tensors of one forward pass: two tables or, if all new tokens share one position, one matrix. */
export interface RotaryFrame {
  /** [T, h], or [B, T, h] when the positions differ between sequences. */
  readonly cos: tf.Tensor
  readonly sin: tf.Tensor
  /** R, [h, h]. */
  readonly turn_hh: tf.Tensor2D
  /** r. */
  readonly rotated: number
  /** diag(cos) + R diag(sin), [h, h]: the whole embedding as one product, if there is a single position. */
  readonly whole_hh?: tf.Tensor2D
}

/**
 * Makes the tensors of a forward pass; the caller's tidy owns them.
 *
 * @param start_N of packed sequences, with P = 0: the first position of each row's own part, from which it counts
 * @param position_N the positions, where neither P nor starts tell them
 */
export type Rotary = (
  B: number,
  T: number,
  P: number,
  pad_B?: Int32Array,
  start_N?: Int32Array,
  position_N?: Int32Array,
) => RotaryFrame

const signedTurn = (headSize: number, rotated: number): Float32Array => {
  const turn = new Float32Array(headSize * headSize)
  const half = rotated / 2
  for (let j = 0; j < half; j++) {
    turn[(j + half) * headSize + j] = -1
    turn[j * headSize + j + half] = 1
  }
  return turn
}

/** Positions of the longest part among packed sequences. */
const longestPart = (start_N: Int32Array, T: number): number =>
  start_N.reduce((longest, start, n) => Math.max(longest, (n % T) - start + 1), 0)

/**
 * The rotary embedding of `transformers` (frequencies theta^(-2i/r), halves not interleaved).
 *
 * JavaScript owns the tables and grows them to the largest position that a pass has asked for. A pass uploads the rows
 * that it needs: this costs less than one op and leaves no tensor to dispose of.
 * @source Su et al. 2021, "RoFormer", eq. 34; the split in halves is GPT-NeoX's
 */
export const rotaryEmbedding = (spec: RotarySpec): Rotary => {
  const { headSize, rotated, maxLength } = spec
  const half = rotated / 2
  const tables = rotaryTables(spec)
  let turn: Float32Array | undefined
  let rows = 0
  let cos = new Float32Array(0)
  let sin = new Float32Array(0)

  const grow = (length: number) => {
    rows = Math.min(maxLength, Math.max(length, 2 * rows, 64))
    const of = tables(rows)
    cos = new Float32Array(rows * headSize).fill(rotaryScale(spec))
    sin = new Float32Array(rows * headSize)
    for (let t = 0; t < rows; t++)
      for (const from of [0, half]) {
        cos.set(of.cos.subarray(t * half, (t + 1) * half), t * headSize + from)
        sin.set(of.sin.subarray(t * half, (t + 1) * half), t * headSize + from)
      }
  }

  return (B, T, P, pad_B, start_N, given_N) => {
    const pads = pad_B?.some((pad) => pad > 0) ? pad_B : undefined
    const leastPad = pads === undefined ? 0 : Math.min(...pads)
    const positions =
      given_N !== undefined
        ? Math.max(...given_N) + 1
        : start_N === undefined
          ? P + T - leastPad
          : longestPart(start_N, T)
    checkPositions(positions, maxLength)
    if (Math.min(P + T, maxLength) > rows) grow(P + T)
    turn ??= signedTurn(headSize, rotated)
    const turn_hh = tf.tensor2d(turn, [headSize, headSize])
    if (pads === undefined && start_N === undefined && given_N === undefined) {
      const cos_Th = tf.tensor2d(cos.subarray(P * headSize, (P + T) * headSize), [T, headSize])
      const sin_Th = tf.tensor2d(sin.subarray(P * headSize, (P + T) * headSize), [T, headSize])
      if (T > 1 || rotated === 0) return { cos: cos_Th, sin: sin_Th, turn_hh, rotated }
      const whole = new Float32Array(headSize * headSize)
      for (let j = 0; j < headSize; j++) {
        whole[j * headSize + j] = cos[P * headSize + j]!
        if (j < half) whole[(j + half) * headSize + j] = -sin[P * headSize + j]!
        else if (j < rotated) whole[(j - half) * headSize + j] = sin[P * headSize + j]!
      }
      return { cos: cos_Th, sin: sin_Th, turn_hh, rotated, whole_hh: tf.tensor2d(whole, [headSize, headSize]) }
    }
    const cos_BTh = new Float32Array(B * T * headSize)
    const sin_BTh = new Float32Array(B * T * headSize)
    const position_N = given_N ?? positionsOf(B, T, P, pads, start_N)
    for (let n = 0, next = 0; n < B * T; n = next) {
      // Positions of a sequence follow each other, so their rows are copied at once.
      const first = position_N[n]!
      do next++
      while (next < B * T && position_N[next] === first + next - n)
      const [from, to] = [first * headSize, (first + next - n) * headSize]
      cos_BTh.set(cos.subarray(from, to), n * headSize)
      sin_BTh.set(sin.subarray(from, to), n * headSize)
    }
    return {
      cos: tf.tensor3d(cos_BTh, [B, T, headSize]),
      sin: tf.tensor3d(sin_BTh, [B, T, headSize]),
      turn_hh,
      rotated,
    }
  }
}
