/** The options of ModernBERT and of its decoder: the fields of config.json that the computation depends on. */
import { layerCount, layerTypes, oneKindEach, size, tokenIds } from "@winnow/models"
import { type } from "arktype"

/** Defaults are those of `transformers`. */
export const modernbertOptions = type({
  "...": tokenIds,
  "+": "reject",
  vocab_size: size,
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: layerCount,
  num_attention_heads: size,
  max_position_embeddings: size.default(8192),
  /** Without `layer_types`, the layers whose number this divides read all of a sequence. */
  global_attn_every_n_layers: size.default(3),
  "layer_types?": layerTypes,
  /** A token of a sliding layer reads half of this on each side of it; in the decoder half of this, its own included. */
  local_attention: "number.integer >= 2 = 128",
  global_rope_theta: "number > 0 = 160000",
  local_rope_theta: "number > 0 = 10000",
  hidden_activation: "'gelu' = 'gelu'",
  classifier_activation: "'gelu' = 'gelu'",
  norm_eps: "number > 0 = 0.00001",
  norm_bias: "boolean = false",
  attention_bias: "boolean = false",
  mlp_bias: "boolean = false",
  classifier_bias: "boolean = false",
  decoder_bias: "boolean = true",
  initializer_range: "number > 0 = 0.02",
  tie_word_embeddings: "boolean = true",
}).narrow((o, ctx) => {
  const { num_attention_heads: heads, hidden_size: d, layer_types, num_hidden_layers: layers } = o
  if (d % heads !== 0 || (d / heads) % 2 !== 0)
    return ctx.mustBe(`such that num_attention_heads ${heads} divides hidden_size ${d} into heads of an even size`)
  return layer_types === undefined || oneKindEach(layer_types, layers, ctx)
})

export type ModernbertOptions = typeof modernbertOptions.infer

/** The kind of each layer. */
export const kindsOf = (o: ModernbertOptions) =>
  o.layer_types ??
  Array.from({ length: o.num_hidden_layers }, (_, l) =>
    l % o.global_attn_every_n_layers === 0 ? "full_attention" : "sliding_attention",
  )
