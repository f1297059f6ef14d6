/** Shapes of published models whose weights are not needed: memory and speed depend on the shape alone. */
import { qwen2 } from "@winnow/model-qwen2"
import type { Sizes } from "../side-by-side/common-options.ts"

const common = { vocab_size: 151_936, num_key_value_heads: 2, rope_theta: 1e6 }

/** The options of a Qwen2 by name. */
export const shapes = {
  "qwen2.5-0.5b": {
    ...common,
    hidden_size: 896,
    num_hidden_layers: 24,
    num_attention_heads: 14,
    intermediate_size: 4864,
  },
  "qwen2.5-1.5b": {
    ...common,
    hidden_size: 1536,
    num_hidden_layers: 28,
    num_attention_heads: 12,
    intermediate_size: 8960,
  },
} as const

/** The name of a shape. */
export type ShapeName = keyof typeof shapes

/** The names, the largest last. */
export const shapeNames = Object.keys(shapes) as ReadonlyArray<ShapeName>

/** A draft and a target of published shapes. */
export const shapePairs = { "qwen2.5": { draft: "qwen2.5-0.5b", target: "qwen2.5-1.5b" } } as const
/** The name of a pair. */
export type PairName = keyof typeof shapePairs
/** The names of the pairs. */
export const pairNames = Object.keys(shapePairs) as ReadonlyArray<PairName>

/** The sizes of a shape that all families have. */
export const sizesOf = (name: ShapeName): Sizes => {
  const { hidden_size, num_hidden_layers, num_attention_heads, intermediate_size } = shapes[name]
  return [hidden_size, num_hidden_layers, num_attention_heads, intermediate_size]
}

/** The sizes of a pair. */
export const pairSizes = (
  name: PairName,
): { readonly draft: Sizes; readonly target: Sizes; readonly vocab: number } => {
  const { draft, target } = shapePairs[name]
  return { draft: sizesOf(draft), target: sizesOf(target), vocab: shapes[target].vocab_size }
}

/** The model of a shape. @param tied false for a head of its own, which the published ones do not have */
export const modelUseOf = (name: ShapeName, tied = true) =>
  qwen2({ ...shapes[name], tie_word_embeddings: tied, max_position_embeddings: 32_768 })
