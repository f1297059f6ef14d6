/** The upper bound of decoding speed when weights come from memory: each step reads all of them once. */
import { parameterCount } from "@winnow/models"
import { Effect } from "effect"
import { modelUseOf, type ShapeName, shapePairs } from "../shapes/shapes.ts"
import type { Sizes } from "../side-by-side/common-options.ts"
import type { DecodeOptions } from "./options.ts"

/** Number of weights that a step reads: all but the embedding, of which it reads one row. */
export const weightsRead = ([d, layers, , f]: Sizes, vocab: number): number =>
  vocab * d + layers * (4 * d * d + 2 * d * f + 9 * d + f) + 2 * d

/** Tokens a second with float32 weights and with bfloat16 weights. */
export interface DecodeFloor {
  readonly float32: number
  readonly bfloat16: number
}

/** Number of weights that a step of each model of a pair reads. */
export const pairReads = ({
  shape,
  draft,
  target,
  vocab,
}: Pick<DecodeOptions, "shape" | "draft" | "target" | "vocab">) => {
  if (shape === undefined) return { draft: weightsRead(draft, vocab), target: weightsRead(target, vocab) }
  // a tied embedding is read as the head
  const of = (name: ShapeName) => parameterCount(Effect.runSync(modelUseOf(name).instance))
  return { draft: of(shapePairs[shape].draft), target: of(shapePairs[shape].target) }
}

/**
 * The bounds of the target alone, and with a draft that gives tau tokens for each target call and gamma calls of its
 * own.
 *
 * @param reads weights that a step of each reads
 * @param bandwidth memory bandwidth, bytes a second
 */
export const decodeFloor = (
  { draft: d, target: t }: { readonly draft: number; readonly target: number },
  gamma: number,
  bandwidth: number,
  tau: number,
): { readonly plain: DecodeFloor; readonly assisted: DecodeFloor } => {
  const speeds = (weights: number): DecodeFloor => ({
    float32: bandwidth / (4 * weights),
    bfloat16: bandwidth / (2 * weights),
  })
  return { plain: speeds(t), assisted: speeds((t + gamma * d) / tau) }
}
