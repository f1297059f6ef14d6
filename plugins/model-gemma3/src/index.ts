/**
 * Gemma 3, its text models: norms before and behind attention and feed-forward that scale by 1 + w, norms of queries and
 * keys, a scaled embedding, and layers whose windows and rotary embeddings alternate.
 *
 * @source Gemma Team 2025, "Gemma 3 Technical Report"; names and arithmetic as in `transformers`
 */
import {
  all,
  defineFamily,
  gatedDecoder,
  gatedFields,
  gatedNames,
  gatedOptions,
  headsFit,
  headsOf,
  layerTypes,
  none,
  oneKindEach,
  refused,
  ropeByKindReader,
  ropeScaling,
  size,
  used,
} from "@winnow/models"
import { type } from "arktype"

/** The kind of each layer. */
const typesOf = (o: {
  readonly num_hidden_layers: number
  readonly sliding_window_pattern: number
  readonly layer_types?: typeof layerTypes.infer
}): typeof layerTypes.infer =>
  o.layer_types ??
  Array.from({ length: o.num_hidden_layers }, (_, l) =>
    (l + 1) % o.sliding_window_pattern === 0 ? "full_attention" : "sliding_attention",
  )

/** The fields of a Gemma 3 text config.json that the computation depends on; defaults are those of `transformers`. */
const gemma3Options = type({
  "...": gatedOptions,
  "+": "reject",
  max_position_embeddings: size.default(131072),
  attention_bias: "boolean = false",
  tie_word_embeddings: "boolean = true",
  /** Scores are divided by its square root. */
  query_pre_attn_scalar: "number > 0 = 256",
  /** Positions that a token of a sliding layer reads, its own included. */
  sliding_window: size.default(4096),
  /** Without `layer_types`, layers whose number, from 1, is a multiple of this read all positions; others have the window. */
  sliding_window_pattern: size.default(6),
  "layer_types?": layerTypes,
  /** The base of layers that read all positions. */
  rope_theta: "number > 0 = 1000000",
  "rope_scaling?": ropeScaling,
  /** The base of layers with a window. */
  rope_local_base_freq: "number > 0 = 10000",
  hidden_activation: "'gelu_pytorch_tanh' = 'gelu_pytorch_tanh'",
  /** Logits x are cap tanh(x / cap); not capped if left out. */
  "final_logit_softcapping?": "number > 0",
})
  .narrow(headsFit)
  .narrow((o, ctx) => oneKindEach(typesOf(o), o.num_hidden_layers, ctx))

export type Gemma3Options = typeof gemma3Options.infer

/** The Gemma 3 family: `gemma3({ vocab_size: 512, hidden_size: 128, ... })`. */
export const gemma3 = defineFamily({
  name: "gemma3_text",
  options: gemma3Options,
  describe: (o) => {
    const types = typesOf(o)
    const rotated = headsOf(o).h
    const full = { rotated, theta: o.rope_theta, scaling: o.rope_scaling }
    const sliding = { rotated, theta: o.rope_local_base_freq }
    return gatedDecoder(o, {
      type: "gemma3_text",
      architecture: "Gemma3ForCausalLM",
      biases: { queries: o.attention_bias, output: o.attention_bias },
      headNorms: true,
      outputNorms: true,
      plusOne: true,
      activation: "gelu-tanh",
      // in float32, as transformers keeps it
      embedScale: Math.fround(Math.sqrt(o.hidden_size)),
      scale: 1 / Math.sqrt(o.query_pre_attn_scalar),
      logitCap: o.final_logit_softcapping,
      windows: types.map((kind) => (kind === "sliding_attention" ? o.sliding_window : undefined)),
      rotaries: types.map((kind) => (kind === "sliding_attention" ? sliding : full)),
      config: {
        layer_types: types,
        rope_parameters: {
          full_attention: { rope_type: "default", ...o.rope_scaling, rope_theta: o.rope_theta },
          sliding_attention: { rope_type: "default", rope_theta: o.rope_local_base_freq },
        },
      },
    })
  },
  config: {
    fields: [
      ...gatedFields,
      ["hidden_activation", used("gelu_pytorch_tanh or gelu_new, which are the same; another is refused")],
      ...all("hidden_act mlp_bias", none("transformers' Gemma 3 does not read it")),
      ["attention_bias", used("biases of the attention's projections")],
      ["query_pre_attn_scalar", used("scores are divided by its root; absent: 256")],
      ["sliding_window", used("positions that a token reads in layers with a window, its own included")],
      ["sliding_window_pattern", used("without layer_types, each layer of this number has no window; absent: 6")],
      ["_sliding_window_pattern", none("transformers reads layer_types, or sliding_window_pattern")],
      ["layer_types", used("full_attention or sliding_attention by layer; another kind is refused")],
      ["rope_local_base_freq", used("base of the rotary embedding in layers with a window")],
      ["final_logit_softcapping", used("cap of the logits; null: none")],
      ["attn_logit_softcapping", none("transformers' Gemma 3 reads it and caps no score")],
      ["use_bidirectional_attention", refused("a token attends to those before it alone", (value) => value === false)],
    ],
    defaults: {
      vocab_size: 262208,
      hidden_size: 2304,
      num_hidden_layers: 26,
      num_attention_heads: 8,
      num_key_value_heads: 4,
      head_dim: 256,
      intermediate_size: 9216,
    },
    nullable: ["layer_types", "final_logit_softcapping"],
    activation: {
      key: "hidden_activation",
      names: { gelu_pytorch_tanh: "gelu_pytorch_tanh", gelu_new: "gelu_pytorch_tanh" },
    },
    rope: ropeByKindReader("gemma3_text", {
      full: { key: "rope_theta", fallback: 1_000_000 },
      sliding: { key: "rope_local_base_freq", fallback: 10_000 },
      positions: 131072,
    }),
  },
  names: gatedNames,
})
