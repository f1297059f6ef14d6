/**
 * Llama: RMS norm, grouped-query attention, rotary embedding of the whole head, SiLU-gated feed-forward.
 *
 * Letters: B sequences, T positions, N = B T, d hidden size, m intermediate size, h head size, Q query heads,
 * G key-value heads.
 * @source Touvron et al. 2023, "LLaMA" and "Llama 2"; names and arithmetic as in `transformers`
 */
import type { ParameterSpec } from "@winnow/core"
import {
  all,
  commonBuffers,
  type Description,
  defineFamily,
  layerCount,
  none,
  normal,
  noTokenIds,
  ones,
  ropeReader,
  ropeScaling,
  rotaryFields,
  scalingFits,
  size,
  sizeFields,
  tokenIds,
  used,
  zeros,
} from "@winnow/models"
import { type } from "arktype"

/** The fields of a Llama config.json that the computation depends on; defaults are those of `transformers`. */
const llamaOptions = type({
  "...": tokenIds,
  "+": "reject",
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
  max_position_embeddings: size.default(2048),
  rope_theta: "number > 0 = 10000",
  "rope_scaling?": ropeScaling,
  attention_bias: "boolean = false",
  mlp_bias: "boolean = false",
  hidden_act: "'silu' = 'silu'",
  rms_norm_eps: "number > 0 = 0.000001",
  initializer_range: "number > 0 = 0.02",
  tie_word_embeddings: "boolean = false",
}).narrow((o, ctx) => {
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
})

export type LlamaOptions = typeof llamaOptions.infer

const headsOf = (o: {
  readonly hidden_size: number
  readonly num_attention_heads: number
  readonly num_key_value_heads?: number
  readonly head_dim?: number
}) => ({
  Q: o.num_attention_heads,
  G: o.num_key_value_heads ?? o.num_attention_heads,
  h: o.head_dim ?? o.hidden_size / o.num_attention_heads,
})

const EMBED = "model.embed_tokens.weight"
const PROJECTIONS = ["q_proj", "k_proj", "v_proj"] as const

const parametersOf = (o: LlamaOptions, m: number): Map<string, ParameterSpec> => {
  const [V, d] = [o.vocab_size, o.hidden_size]
  const { Q, G, h } = headsOf(o)
  const specs = new Map<string, ParameterSpec>()
  const weight = (name: string, e: number, of: number, bias = false) => {
    specs.set(`${name}.weight`, normal([e, of], o.initializer_range))
    if (bias) specs.set(`${name}.bias`, zeros(e))
  }
  weight("model.embed_tokens", V, d)
  for (let l = 0; l < o.num_hidden_layers; l++) {
    const at = `model.layers.${l}.`
    specs.set(`${at}input_layernorm.weight`, ones(d)).set(`${at}post_attention_layernorm.weight`, ones(d))
    for (const kind of PROJECTIONS)
      weight(`${at}self_attn.${kind}`, (kind === "q_proj" ? Q : G) * h, d, o.attention_bias)
    weight(`${at}self_attn.o_proj`, d, Q * h, o.attention_bias)
    weight(`${at}mlp.gate_proj`, m, d, o.mlp_bias)
    weight(`${at}mlp.up_proj`, m, d, o.mlp_bias)
    weight(`${at}mlp.down_proj`, d, m, o.mlp_bias)
  }
  specs.set("model.norm.weight", ones(d))
  if (!o.tie_word_embeddings) weight("lm_head", V, d)
  return specs
}

const layersOf = (o: LlamaOptions): Description["layers"] => {
  const norm = (from: string, to: string, name: string) =>
    ({ op: "norm", kind: "rms", from, to, scale: `${name}.weight`, eps: o.rms_norm_eps }) as const
  const matrix = (name: string, bias: boolean) => ({
    weight: `${name}.weight`,
    bias: bias ? `${name}.bias` : undefined,
  })
  return Array.from({ length: o.num_hidden_layers }, (_, l) => {
    const at = `model.layers.${l}.`
    const attention = (kind: string) => matrix(`${at}self_attn.${kind}`, o.attention_bias)
    const feed = (kind: string) => matrix(`${at}mlp.${kind}`, o.mlp_bias)
    return [
      norm("x", "normed", `${at}input_layernorm`),
      { op: "linear", from: "normed", to: "packed", of: PROJECTIONS.map(attention) },
      { op: "attend", from: "packed", to: "context" },
      { op: "linear", from: "context", to: "x", of: [attention("o_proj")], add: true },
      norm("x", "normed", `${at}post_attention_layernorm`),
      { op: "gate", from: "normed", to: "wide", gate: feed("gate_proj"), up: feed("up_proj") },
      { op: "linear", from: "wide", to: "x", of: [feed("down_proj")], add: true },
    ]
  })
}

/** config.json as `transformers` 5 reads it; the flat `rope_theta` is for earlier versions. */
const configOf = (o: LlamaOptions, m: number): Record<string, unknown> => {
  const { G, h } = headsOf(o)
  return {
    ...noTokenIds,
    ...o,
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    num_key_value_heads: G,
    head_dim: h,
    intermediate_size: m,
    rope_parameters: { rope_type: "default", ...o.rope_scaling, rope_theta: o.rope_theta },
    attention_dropout: 0,
    use_cache: true,
    dtype: "float32",
  }
}

const describe = (o: LlamaOptions): Description => {
  const m = o.intermediate_size ?? 8 * Math.ceil(o.hidden_size / 3)
  const { Q, G, h } = headsOf(o)
  return {
    type: "llama",
    attends: "before",
    config: configOf(o, m),
    vocabularySize: o.vocab_size,
    hiddenSize: o.hidden_size,
    maxLength: o.max_position_embeddings,
    parameters: parametersOf(o, m),
    heads: { heads: Q, kvHeads: G, headSize: h, order: "kinds" },
    rotary: { rotated: h, theta: o.rope_theta, scaling: o.rope_scaling },
    embed: { table: EMBED },
    layers: layersOf(o),
    norm: { kind: "rms", scale: "model.norm.weight", eps: o.rms_norm_eps },
    head: { weight: o.tie_word_embeddings ? EMBED : "lm_head.weight" },
  }
}

/** The Llama family: `llama({ vocab_size: 512, hidden_size: 128, ... })`. */
export const llama = defineFamily({
  name: "llama",
  options: llamaOptions,
  describe,
  config: {
    fields: [
      ...sizeFields,
      ...rotaryFields,
      ["hidden_act", used("silu or swish; another is refused")],
      ["attention_bias", used("biases of the attention's projections")],
      ["num_key_value_heads", used("heads of keys and values; null or absent: as many as of queries")],
      ["head_dim", used("size of a head; null or absent: hidden_size / num_attention_heads")],
      ["rms_norm_eps", used("epsilon of the norms")],
      ["mlp_bias", used("biases of the feed-forward")],
      ...all(
        "rotary_pct rotary_emb_base use_parallel_residual layer_norm_eps",
        none("of gpt_neox; transformers' Llama does not read it"),
      ),
    ],
    defaults: {
      vocab_size: 32000,
      hidden_size: 4096,
      num_hidden_layers: 32,
      num_attention_heads: 32,
      intermediate_size: 11008,
    },
    nullable: ["num_key_value_heads", "head_dim"],
    activation: { key: "hidden_act", names: { silu: "silu", swish: "silu" } },
    rope: ropeReader("llama", { theta: "rope_theta" }),
  },
  names: {
    trunk: "model.",
    anchor: "layers.0.input_layernorm.weight",
    layer: /^layers\.(\d+)\./,
    base: /^(layers|embed_\w+|norm|final_layer_norm)\./,
    embed: EMBED,
    heads: ["lm_head"],
    buffers: commonBuffers,
  },
})
