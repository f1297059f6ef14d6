/**
 * Phi (1, 1.5, 2): attention and feed-forward side by side behind one norm, a part of each head rotated, a bias in every
 * matrix and in the head.
 *
 * @source Gunasekar et al. 2023, "Textbooks Are All You Need"; names and arithmetic as in `transformers`
 */
import {
  defineFamily,
  gatedNames,
  geluNames,
  geluOf,
  gptDecoder,
  gptRotaryFields,
  gptRotaryOptions,
  noTokenIds,
  partOfHead,
  refused,
  ropeReader,
  rotaryParameters,
  rotaryPartFits,
  size,
  used,
} from "@winnow/models"
import { type } from "arktype"

/** The fields of a Phi config.json that the computation depends on; defaults are those of `transformers`. */
const phiOptions = type({
  "...": gptRotaryOptions,
  "+": "reject",
  /** num_attention_heads if left out: no grouping. */
  "num_key_value_heads?": size,
  /** The rotated fraction of each head; its number of entries is even. */
  partial_rotary_factor: "0 < number <= 1 = 0.5",
  hidden_act: "'gelu_new' | 'gelu' = 'gelu_new'",
  tie_word_embeddings: "false = false",
})
  .narrow(rotaryPartFits("partial_rotary_factor"))
  .narrow((o, ctx) => {
    const { exponents } = partOfHead(o, o.partial_rotary_factor)
    if (exponents % 2 !== 0)
      return ctx.mustBe(`such that partial_rotary_factor rotates an even number of entries (not ${exponents})`)
    const { num_attention_heads: Q, num_key_value_heads: G = Q } = o
    return Q % G === 0 || ctx.mustBe(`such that num_key_value_heads ${G} divides num_attention_heads ${Q}`)
  })

const describe = (o: typeof phiOptions.infer) => {
  const feed = o.intermediate_size ?? 4 * o.hidden_size
  const { headSize, rotated } = partOfHead(o, o.partial_rotary_factor)
  const { num_attention_heads: heads, num_key_value_heads: kvHeads = heads } = o
  return gptDecoder({
    type: "phi",
    // the flat rotary keys are for earlier versions of transformers
    config: {
      ...noTokenIds,
      ...o,
      architectures: ["PhiForCausalLM"],
      model_type: "phi",
      intermediate_size: feed,
      num_key_value_heads: kvHeads,
      rope_parameters: rotaryParameters(o, o.partial_rotary_factor),
      qk_layernorm: false,
      attention_dropout: 0,
      use_cache: true,
      dtype: "float32",
    },
    vocabulary: o.vocab_size,
    width: o.hidden_size,
    feed,
    layers: o.num_hidden_layers,
    positions: o.max_position_embeddings,
    heads: { heads, kvHeads, headSize, order: "kinds" },
    rotary: { rotated, theta: o.rope_theta, scaling: o.rope_scaling },
    activation: geluOf(o.hidden_act),
    eps: o.layer_norm_eps,
    std: o.initializer_range,
    parallel: true,
    tied: false,
    headBias: true,
    names: {
      embed: "model.embed_tokens",
      layers: "model.layers.",
      norms: ["input_layernorm"],
      matrices: [
        ["self_attn.q_proj"],
        ["self_attn.k_proj"],
        ["self_attn.v_proj"],
        ["self_attn.dense"],
        ["mlp.fc1"],
        ["mlp.fc2"],
      ],
      norm: "model.final_layernorm",
      head: "lm_head",
    },
  })
}

const defaults = { hidden_size: 2048, num_hidden_layers: 24, num_attention_heads: 32 }

/** The Phi family: `phi({ vocab_size: 512, hidden_size: 128, ... })`. */
export const phi = defineFamily({
  name: "phi",
  options: phiOptions,
  describe,
  config: {
    fields: [
      ...gptRotaryFields(defaults),
      ["hidden_act", used("gelu_new or gelu_pytorch_tanh; gelu; another is refused")],
      ["num_key_value_heads", used("heads of keys and values; null: as many as of queries")],
      [
        "qk_layernorm",
        refused("queries and keys are not normed here; no published Phi has it", (value) => value === false),
      ],
      [
        "tie_word_embeddings",
        refused("the head has a bias, and is another matrix than the embedding", (value) => value === false),
      ],
    ],
    defaults: { vocab_size: 51200, ...defaults, intermediate_size: 8192 },
    nullable: ["num_key_value_heads", "tie_word_embeddings"],
    activation: { key: "hidden_act", names: geluNames },
    rope: ropeReader("phi", { theta: "rope_theta", part: { key: "partial_rotary_factor", fallback: 0.5 } }),
  },
  names: { ...gatedNames, base: /^(layers|embed_tokens|final_layernorm)\./ },
})
