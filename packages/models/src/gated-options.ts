/**
 * The options of Llama and its kin, and how their folders are read; a family adds its own options in its file.
 *
 * Letters: Q query heads, G key-value heads, h head size.
 */
import type { FileNames } from "@winnow/core"
import { type Traversal, type } from "arktype"
import { all, type Field, none, rotaryFields, sizeFields, used } from "./config-fields.ts"
import { ropeScaling, scalingFits } from "./rope-scaling.ts"
import { layerCount, size } from "./sizes.ts"
import { tokenIds } from "./token-ids.ts"
import { commonBuffers } from "./weight-names.ts"

/** The fields of config.json that all of them read; defaults are those of `transformers`. */
export const gatedOptions = type({
  "...": tokenIds,
  vocab_size: size,
  hidden_size: size,
  num_hidden_layers: layerCount,
  num_attention_heads: size,
  /** num_attention_heads if left out: no grouping. */
  "num_key_value_heads?": size,
  /** hidden_size / num_attention_heads if left out. */
  "head_dim?": size,
  /**
   * 8/3 hidden_size rounded up to a multiple of 8 if left out: the parameters of a 4 x feed-forward without gate. A
   * config.json that lacks it means the default of `transformers`.
   */
  "intermediate_size?": size,
  rms_norm_eps: "number > 0 = 0.000001",
  initializer_range: "number > 0 = 0.02",
  tie_word_embeddings: "boolean = false",
})

/** The options of the rotary embedding, where all layers have the same. */
export const gatedRotary = type({ rope_theta: "number > 0 = 10000", "rope_scaling?": ropeScaling })

export type GatedOptions = typeof gatedOptions.infer
export type GatedRotary = typeof gatedRotary.infer

/** Heads of queries, of keys and values, and their size. */
export const headsOf = (
  o: Pick<GatedOptions, "hidden_size" | "num_attention_heads" | "num_key_value_heads" | "head_dim">,
) => ({
  Q: o.num_attention_heads,
  G: o.num_key_value_heads ?? o.num_attention_heads,
  h: o.head_dim ?? o.hidden_size / o.num_attention_heads,
})

/** True of options whose heads fit each other and their rotary embedding: the condition of a family's options. */
export const headsFit = (o: GatedOptions & Partial<GatedRotary>, ctx: Traversal): boolean => {
  if (o.head_dim === undefined && o.hidden_size % o.num_attention_heads !== 0)
    return ctx.mustBe(
      `such that num_attention_heads ${o.num_attention_heads} divides hidden_size ${o.hidden_size}, or with a head_dim`,
    )
  const { Q, G, h } = headsOf(o)
  if (Q % G !== 0) return ctx.mustBe(`such that num_key_value_heads ${G} divides num_attention_heads ${Q}`)
  if (h % 2 !== 0) return ctx.mustBe(`such that a head has an even size (not ${h})`)
  return (
    scalingFits(o.rope_scaling, h) ||
    ctx.mustBe(`such that rope_scaling has more than 2 entries of a head to scale (not ${h})`)
  )
}

/** The part of the fields of config.json that all of them have. */
export const gatedFields: ReadonlyArray<readonly [string, Field]> = [
  ...sizeFields,
  ...rotaryFields,
  ["hidden_act", used("silu or swish; another is refused")],
  ["num_key_value_heads", used("heads of keys and values; null: as many as of queries")],
  ["head_dim", used("size of a head; null or absent: hidden_size / num_attention_heads")],
  ["rms_norm_eps", used("epsilon of the norms")],
  ...all(
    "rotary_pct rotary_emb_base use_parallel_residual layer_norm_eps",
    none("of gpt_neox; not read by transformers"),
  ),
]

/** The activation of the feed-forward, by its names in `transformers`. */
export const gatedActivation = { key: "hidden_act", names: { silu: "silu", swish: "silu" } } as const

/** The parameter of the embedding. */
export const gatedEmbedding = "model.embed_tokens.weight"

/** The names in their files. */
export const gatedNames: FileNames = {
  trunk: "model.",
  anchor: "layers.0.input_layernorm.weight",
  layer: /^layers\.(\d+)\./,
  base: /^(layers|embed_\w+|norm|final_layer_norm)\./,
  embed: gatedEmbedding,
  heads: ["lm_head"],
  buffers: commonBuffers,
}
