/**
 * The additive attention mask of one forward pass.
 *
 * Letters: B sequences, T new positions, P cached positions, S = P + T.
 */
import type { Attends, CachedTree } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { treeReach } from "./tree.ts"

/** The term of a masked score: its exp is 0, and a row whose scores are all masked has no NaN. */
const MASKED = -1e9

/**
 * 0 where position P + t may attend to position s, else -1e9: [T, S], or [B, T, S] with left padding.
 *
 * Undefined if no position is masked (one new token, no padding, all cached positions within the window).
 *
 * @param window the last positions that a position attends to, its own included
 */
export const attentionMask = (
  B: number,
  T: number,
  P: number,
  pad_B?: Int32Array,
  window = Number.POSITIVE_INFINITY,
): tf.Tensor | undefined => {
  const S = P + T
  const padded = pad_B?.some((pad) => pad > 0) ? pad_B : undefined
  if (T === 1 && padded === undefined && S <= window) return undefined
  const sequences = padded === undefined ? 1 : B
  const mask = new Float32Array(sequences * T * S)
  for (let b = 0; b < sequences; b++)
    for (let t = 0; t < T; t++) {
      const row = (b * T + t) * S
      mask.fill(MASKED, row + P + t + 1, row + S)
      const first = Math.max(padded?.[b] ?? 0, P + t - window + 1)
      if (first > 0) mask.fill(MASKED, row, row + Math.min(S, first))
    }
  return padded === undefined ? tf.tensor2d(mask, [T, S]) : tf.tensor3d(mask, [B, T, S])
}

/** The same of one sequence whose last positions are nodes of a tree, [T, S]: each reads the text and its own path. */
export const treeMask = (tree: CachedTree, T: number, P: number, window?: number): tf.Tensor2D =>
  tf.tensor2d(
    Float32Array.from(treeReach(tree, P, T, window), (reads) => (reads ? 0 : MASKED)),
    [T, P + T],
  )

/**
 * The mask of packed sequences, [B, T, T]: 0 where a position may attend to position s. Causal attention goes from the
 * position's start to itself, bidirectional attention to the last position of the same start, both within the window.
 *
 * @param start_N the start of each position's sequence; a later start marks padding, whose whole row is masked
 */
export const packedMask = (
  attends: Attends,
  B: number,
  T: number,
  start_N: Int32Array,
  window = Number.POSITIVE_INFINITY,
): tf.Tensor3D => {
  const mask = new Float32Array(B * T * T).fill(MASKED)
  for (let n = 0; n < B * T; n++) {
    const [t, start] = [n % T, start_N[n]!]
    if (start > t) continue
    let end = t + 1
    if (attends === "both") while (end < T && end < t + window && start_N[n - t + end] === start) end++
    mask.fill(0, n * T + Math.max(start, t - window + 1), n * T + end)
  }
  return tf.tensor3d(mask, [B, T, T])
}

/**
 * The first position that each position attends to, [N], with a window: never before the start of its sequence. Undefined
 * without starts and without a window.
 *
 * @param start_N as in `packedMask`
 */
export const windowStarts = (
  B: number,
  T: number,
  start_N: Int32Array | undefined,
  window = Number.POSITIVE_INFINITY,
): Int32Array | undefined =>
  T <= window
    ? start_N
    : Int32Array.from({ length: B * T }, (_, n) => Math.max(start_N?.[n] ?? 0, (n % T) - window + 1))
