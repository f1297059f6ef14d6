/** Shapes of published models whose weights are not needed: memory and speed depend on the shape alone. */
import { qwen2 } from "@winnow/model-qwen2"

const common = { vocab_size: 151_936, num_key_value_heads: 2, rope_theta: 1e6, tie_word_embeddings: true }

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

/** The model of a shape. */
export const modelUseOf = (name: ShapeName) => qwen2({ ...shapes[name], max_position_embeddings: 32_768 })
