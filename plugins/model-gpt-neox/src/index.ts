/**
 * GPT-NeoX (Pythia): parallel or sequential residual, partial rotary embedding, fused query-key-value projection.
 *
 * @source Black et al. 2022, "GPT-NeoX-20B"; names and arithmetic as in `transformers`
 */
import {
  commonBuffers,
  defineFamily,
  gptDecoder,
  gptRotaryFields,
  gptRotaryOptions,
  noTokenIds,
  partOfHead,
  refused,
  ropeReader,
  rotary,
  rotaryParameters,
  rotaryPartFits,
  used,
} from "@winnow/models"
import { type } from "arktype"

/** The fields of a GPT-NeoX config.json that the computation depends on; defaults are those of `transformers`. */
const gptNeoxOptions = type({
  "...": gptRotaryOptions,
  "+": "reject",
  /** The rotated fraction of each head. The count of entries is rounded down; with an odd count one more is rotated. */
  rotary_pct: "0 < number <= 1 = 0.25",
  use_parallel_residual: "boolean = true",
  attention_bias: "boolean = true",
  hidden_act: "'gelu' = 'gelu'",
  tie_word_embeddings: "boolean = false",
}).narrow(rotaryPartFits("rotary_pct"))

export type GptNeoxOptions = typeof gptNeoxOptions.infer

const attention = ["attention.query_key_value", "attention.dense"]

const describe = (o: GptNeoxOptions) => {
  const feed = o.intermediate_size ?? 4 * o.hidden_size
  const { headSize, exponents, rotated } = partOfHead(o, o.rotary_pct)
  return gptDecoder({
    type: "gpt_neox",
    // the flat rotary keys are for earlier versions of transformers
    config: {
      ...noTokenIds,
      ...o,
      architectures: ["GPTNeoXForCausalLM"],
      model_type: "gpt_neox",
      intermediate_size: feed,
      rotary_emb_base: o.rope_theta,
      rope_parameters: rotaryParameters(o, o.rotary_pct),
      attention_dropout: 0,
      hidden_dropout: 0,
      use_cache: true,
      dtype: "float32",
    },
    vocabulary: o.vocab_size,
    width: o.hidden_size,
    feed,
    layers: o.num_hidden_layers,
    positions: o.max_position_embeddings,
    heads: { heads: o.num_attention_heads, kvHeads: o.num_attention_heads, headSize, order: "heads" },
    rotary: { rotated, exponents, theta: o.rope_theta, scaling: o.rope_scaling },
    activation: "gelu",
    eps: o.layer_norm_eps,
    std: o.initializer_range,
    parallel: o.use_parallel_residual,
    tied: o.tie_word_embeddings,
    bare: o.attention_bias ? [] : attention,
    names: {
      embed: "gpt_neox.embed_in",
      layers: "gpt_neox.layers.",
      norms: ["input_layernorm", "post_attention_layernorm"],
      matrices: [attention, ["mlp.dense_h_to_4h"], ["mlp.dense_4h_to_h"]],
      norm: "gpt_neox.final_layer_norm",
      head: "embed_out",
    },
  })
}

const defaults = { hidden_size: 6144, num_hidden_layers: 44, num_attention_heads: 64 }

/** The GPT-NeoX family: `gptNeox({ vocab_size: 512, hidden_size: 128, ... })`. */
export const gptNeox = defineFamily({
  name: "gpt_neox",
  options: gptNeoxOptions,
  describe,
  config: {
    fields: [
      ...gptRotaryFields(defaults),
      ["hidden_act", used("gelu or gelu_python; another is refused")],
      ["attention_bias", used("biases of the attention's projections")],
      ["use_parallel_residual", used("attention and feed-forward side by side, or one after the other")],
      ["rotary_pct", rotary],
      ["rotary_emb_base", rotary],
      [
        "num_key_value_heads",
        refused(
          "gpt_neox has as many heads of keys as of queries",
          (value, { num_attention_heads = defaults.num_attention_heads }) => value === num_attention_heads,
        ),
      ],
    ],
    defaults: { vocab_size: 50432, ...defaults, intermediate_size: 24576 },
    activation: { key: "hidden_act", names: { gelu: "gelu", gelu_python: "gelu" } },
    rope: ropeReader("gpt_neox", { theta: "rotary_emb_base", part: { key: "rotary_pct", fallback: 0.25 } }),
  },
  names: {
    trunk: "gpt_neox.",
    anchor: "layers.0.input_layernorm.weight",
    layer: /^layers\.(\d+)\./,
    base: /^(layers|embed_\w+|norm|final_layer_norm)\./,
    embed: "gpt_neox.embed_in.weight",
    heads: ["embed_out", "lm_head"],
    buffers: commonBuffers,
  },
})
