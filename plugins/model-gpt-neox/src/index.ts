/**
 * GPT-NeoX (Pythia): parallel or sequential residual, partial rotary embedding, fused query-key-value projection.
 *
 * Letters: B sequences, T positions, N = B T, d hidden size, m intermediate size, h head size.
 * @source Black et al. 2022, "GPT-NeoX-20B"; names and arithmetic as in `transformers`
 */
import {
  commonBuffers,
  defineFamily,
  gptDecoder,
  layerCount,
  noTokenIds,
  refused,
  ropeReader,
  ropeScaling,
  rotary,
  rotaryFields,
  scalingFits,
  size,
  sizeFields,
  tokenIds,
  used,
} from "@winnow/models"
import { type } from "arktype"

/** The fields of a GPT-NeoX config.json that the computation depends on; defaults are those of `transformers`. */
const gptNeoxOptions = type({
  "...": tokenIds,
  "+": "reject",
  vocab_size: size,
  hidden_size: size,
  num_hidden_layers: layerCount,
  num_attention_heads: size,
  /** 4 x hidden_size if left out, as in every Pythia. A config.json that lacks it means the default of `transformers`. */
  "intermediate_size?": size,
  max_position_embeddings: size.default(2048),
  /** Fraction of each head that is rotated: so many entries, rounded down; an odd count turns one more. */
  rotary_pct: "0 < number <= 1 = 0.25",
  rope_theta: "number > 0 = 10000",
  "rope_scaling?": ropeScaling,
  use_parallel_residual: "boolean = true",
  attention_bias: "boolean = true",
  hidden_act: "'gelu' = 'gelu'",
  layer_norm_eps: "number > 0 = 0.00001",
  initializer_range: "number > 0 = 0.02",
  tie_word_embeddings: "boolean = false",
}).narrow((o, ctx) => {
  if (o.hidden_size % o.num_attention_heads !== 0)
    return ctx.mustBe(`such that num_attention_heads ${o.num_attention_heads} divides hidden_size ${o.hidden_size}`)
  const { headSize, exponents, rotated } = rotaryOf(o)
  if (rotated < 2 || rotated > headSize)
    return ctx.mustBe(
      `such that rotary_pct rotates 2 or more entries of a head of ${headSize} in pairs (not ${exponents})`,
    )
  return (
    scalingFits(o.rope_scaling, exponents) ||
    ctx.mustBe(`such that rope_scaling has an even number of entries above 2 to scale (not ${exponents})`)
  )
})

export type GptNeoxOptions = typeof gptNeoxOptions.infer

/** Entries of a head, those that frequencies are of, and those that are rotated: pairs of them. */
const rotaryOf = (o: {
  readonly hidden_size: number
  readonly num_attention_heads: number
  readonly rotary_pct: number
}) => {
  const headSize = o.hidden_size / o.num_attention_heads
  const exponents = Math.floor(headSize * o.rotary_pct)
  return { headSize, exponents, rotated: 2 * Math.ceil(exponents / 2) }
}

/** config.json as `transformers` 5 reads it; the flat rotary keys are for earlier versions. */
const configOf = (o: GptNeoxOptions, m: number): Record<string, unknown> => ({
  ...noTokenIds,
  ...o,
  architectures: ["GPTNeoXForCausalLM"],
  model_type: "gpt_neox",
  intermediate_size: m,
  rotary_emb_base: o.rope_theta,
  rope_parameters: {
    rope_type: "default",
    ...o.rope_scaling,
    rope_theta: o.rope_theta,
    partial_rotary_factor: o.rotary_pct,
  },
  attention_dropout: 0,
  hidden_dropout: 0,
  use_cache: true,
  dtype: "float32",
})

const attention = ["attention.query_key_value", "attention.dense"]

const describe = (o: GptNeoxOptions) => {
  const feed = o.intermediate_size ?? 4 * o.hidden_size
  const { headSize, exponents, rotated } = rotaryOf(o)
  return gptDecoder({
    type: "gpt_neox",
    config: configOf(o, feed),
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

/** A `head_dim` that says what follows from the other sizes. */
const dividedHead = (
  value: unknown,
  { hidden_size = 6144, num_attention_heads = 64 }: Readonly<Record<string, unknown>>,
) => value === 0 || value === Math.floor(Number(hidden_size) / Number(num_attention_heads))

/** The GPT-NeoX family: `gptNeox({ vocab_size: 512, hidden_size: 128, ... })`. */
export const gptNeox = defineFamily({
  name: "gpt_neox",
  options: gptNeoxOptions,
  describe,
  config: {
    fields: [
      ...sizeFields,
      ...rotaryFields,
      ["hidden_act", used("gelu or gelu_python; another is refused")],
      ["attention_bias", used("biases of the attention's projections")],
      ["layer_norm_eps", used("epsilon of the layer norms")],
      ["use_parallel_residual", used("attention and feed-forward side by side, or one after the other")],
      ["rotary_pct", rotary],
      ["rotary_emb_base", rotary],
      [
        "head_dim",
        refused(
          "transformers makes rotary frequencies of it but cuts heads of hidden_size / num_attention_heads",
          dividedHead,
        ),
      ],
      [
        "num_key_value_heads",
        refused(
          "gpt_neox has as many heads of keys as of queries",
          (value, { num_attention_heads = 64 }) => value === num_attention_heads,
        ),
      ],
    ],
    defaults: {
      vocab_size: 50432,
      hidden_size: 6144,
      num_hidden_layers: 44,
      num_attention_heads: 64,
      intermediate_size: 24576,
    },
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
