/** How fast decoding can be where weights come from memory: each step reads all of them once. */
import type { Sizes } from "../side-by-side/common-options.ts"

/** Weights that a step reads: all but the embedding, of which it reads one row. */
export const weightsRead = ([d, layers, , f]: Sizes, vocab: number): number =>
  vocab * d + layers * (4 * d * d + 2 * d * f + 9 * d + f) + 2 * d

/** Tokens a second, of float32 weights and of bfloat16's. */
export interface DecodeFloor {
  readonly float32: number
  readonly bfloat16: number
}

/**
 * The target alone, and with a draft that gives tau tokens a target call for gamma calls of its own.
 *
 * @param bandwidth bytes a second from memory
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
