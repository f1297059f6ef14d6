/** The upper bound of decoding speed when weights come from memory: each step reads all of them once. */
import type { Sizes } from "../side-by-side/common-options.ts"

/** Number of weights that a step reads: all but the embedding, of which it reads one row. */
export const weightsRead = ([d, layers, , f]: Sizes, vocab: number): number =>
  vocab * d + layers * (4 * d * d + 2 * d * f + 9 * d + f) + 2 * d

/** Tokens a second with float32 weights and with bfloat16 weights. */
export interface DecodeFloor {
  readonly float32: number
  readonly bfloat16: number
}

/**
 * The bounds of the target alone, and with a draft that gives tau tokens for each target call and gamma calls of its
 * own.
 *
 * @param bandwidth memory bandwidth, bytes a second
 */
export const decodeFloor = (
  { draft, target, vocab, gamma }: { draft: Sizes; target: Sizes; vocab: number; gamma: number },
  bandwidth: number,
  tau: number,
): { readonly plain: DecodeFloor; readonly assisted: DecodeFloor } => {
  const [t, d] = [weightsRead(target, vocab), weightsRead(draft, vocab)]
  const speeds = (weights: number): DecodeFloor => ({
    float32: bandwidth / (4 * weights),
    bfloat16: bandwidth / (2 * weights),
  })
  return { plain: speeds(t), assisted: speeds((t + gamma * d) / tau) }
}
