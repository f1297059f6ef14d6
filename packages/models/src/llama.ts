/**
 * Llama: RMS norm, grouped-query attention, rotary embedding of the whole head, SiLU-gated feed-forward.
 *
 * Letters: B sequences, T positions, N = B T, d hidden size, m intermediate size, h head size, Q query heads,
 * G key-value heads.
 * @source Touvron et al. 2023, "LLaMA" and "Llama 2"; names and arithmetic as in `transformers`
 */
import { type Architecture, defineModel, type ParameterSpec } from "@winnow/core"
import { type DecodeInstruction, decodeResult, linear, linears, rmsNorm, siluGate, tf } from "@winnow/tensor"
import { type } from "arktype"
import type { HeadLayout } from "./attention.ts"
import { decoderHidden, type Trunk } from "./decoder.ts"
import { decoderProgram } from "./decoder-program.ts"
import { embedding } from "./embedding.ts"
import { linearFlops, normal, ones, parameter, zeros } from "./parameters.ts"
import { ropeScaling, scalingFits } from "./rope-scaling.ts"
import { rotaryEmbedding } from "./rotary.ts"
import { layerCount, size } from "./sizes.ts"
import { noTokenIds, tokenIds } from "./token-ids.ts"

/** The fields of a Llama config.json that the computation depends on; defaults are those of `transformers`. */
export const llamaOptions = type({
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

/** `trunk` for new positions over a cache, as the native decoder takes it. */
const instructionsOf = (o: LlamaOptions, m: number): ReadonlyArray<DecodeInstruction> => {
  const { Q, G, h } = headsOf(o)
  const norm = (from: string, to: string, name: string): DecodeInstruction => ({
    op: "rmsNorm",
    from,
    to,
    scale: `${name}.weight`,
    eps: o.rms_norm_eps,
  })
  const dense = (name: string, outputs: number, bias: boolean) => ({
    op: "linear" as const,
    weight: `${name}.weight`,
    bias: bias ? `${name}.bias` : undefined,
    outputs,
  })
  const layer = (l: number): ReadonlyArray<DecodeInstruction> => {
    const at = `model.layers.${l}.`
    const columns = [0, Q * h, (Q + G) * h]
    const projections = PROJECTIONS.map((kind, i) => ({
      ...dense(`${at}self_attn.${kind}`, (kind === "q_proj" ? Q : G) * h, o.attention_bias),
      from: "normed",
      to: "packed",
      column: columns[i]!,
    }))
    const bias = (half: string) => (o.mlp_bias ? `${at}mlp.${half}_proj.bias` : undefined)
    return [
      norm("x", "normed", `${at}input_layernorm`),
      ...projections,
      { op: "attend", from: "packed", to: "context", layer: l },
      { ...dense(`${at}self_attn.o_proj`, o.hidden_size, o.attention_bias), from: "context", to: "x", add: true },
      norm("x", "normed", `${at}post_attention_layernorm`),
      {
        op: "siluGate",
        from: "normed",
        to: "wide",
        gate: `${at}mlp.gate_proj.weight`,
        up: `${at}mlp.up_proj.weight`,
        gateBias: bias("gate"),
        upBias: bias("up"),
        outputs: m,
      },
      { ...dense(`${at}mlp.down_proj`, o.hidden_size, o.mlp_bias), from: "wide", to: "x", add: true },
    ]
  }
  return [
    { op: "embed", to: "x", table: EMBED },
    ...Array.from({ length: o.num_hidden_layers }, (_, l) => layer(l)).flat(),
    norm("x", decodeResult, "model.norm"),
  ]
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

/** The architecture with these sizes. */
export const llamaArchitecture = (o: LlamaOptions): Architecture => {
  const d = o.hidden_size
  const m = o.intermediate_size ?? 8 * Math.ceil(d / 3)
  const { Q, G, h } = headsOf(o)
  const layout: HeadLayout = { heads: Q, kvHeads: G, headSize: h, order: "kinds" }
  const rotarySpec = {
    headSize: h,
    rotated: h,
    theta: o.rope_theta,
    scaling: o.rope_scaling,
    maxLength: o.max_position_embeddings,
  }
  const eps = o.rms_norm_eps
  const parameters = parametersOf(o, m)

  const trunk: Trunk = (values, ids_BT, attend) => {
    const [B, T] = ids_BT.shape
    const p = <R extends tf.Tensor>(name: string) => parameter<R>(values, name)
    const weights = (name: string, bias: boolean) => ({
      weight_ed: p<tf.Tensor2D>(`${name}.weight`),
      bias_e: bias ? p<tf.Tensor1D>(`${name}.bias`) : undefined,
    })
    const dense = (x: tf.Tensor2D, name: string, bias: boolean) => {
      const { weight_ed, bias_e } = weights(name, bias)
      return linear(x, weight_ed, bias_e)
    }
    const norm = (x: tf.Tensor2D, name: string) => rmsNorm(x, p<tf.Tensor1D>(`${name}.weight`), eps)
    const layer = (x_Nd: tf.Tensor2D, l: number): tf.Tensor2D => {
      const at = `model.layers.${l}.`
      const y_Nd = norm(x_Nd, `${at}input_layernorm`)
      const packed = linears(
        y_Nd,
        PROJECTIONS.map((kind) => weights(`${at}self_attn.${kind}`, o.attention_bias)),
      )
      const context = attend(packed, l)
      const middle = tf.add(x_Nd, dense(context, `${at}self_attn.o_proj`, o.attention_bias)) as tf.Tensor2D
      const z_Nd = norm(middle, `${at}post_attention_layernorm`)
      const gateAndUp = ["gate_proj", "up_proj"].map((half) => weights(`${at}mlp.${half}`, o.mlp_bias))
      const gated = siluGate(linears(z_Nd, gateAndUp))
      return tf.add(middle, dense(gated, `${at}mlp.down_proj`, o.mlp_bias))
    }
    let x_Nd = embedding(p<tf.Tensor2D>(EMBED), tf.reshape(ids_BT, [B * T]))
    for (let l = 0; l < o.num_hidden_layers; l++) x_Nd = tf.tidy(() => layer(x_Nd, l))
    return tf.reshape(norm(x_Nd, "model.norm"), [B, T, d]) as tf.Tensor3D
  }

  return {
    type: "llama",
    config: configOf(o, m),
    vocabularySize: o.vocab_size,
    hiddenSize: d,
    layers: o.num_hidden_layers,
    maxLength: o.max_position_embeddings,
    parameters,
    head: o.tie_word_embeddings ? EMBED : "lm_head.weight",
    trunkFlops: (T) => linearFlops(parameters, [EMBED, "lm_head.weight"]) + 4 * T * Q * h * o.num_hidden_layers,
    hidden: decoderHidden([...parameters.keys()], rotaryEmbedding(rotarySpec), layout, trunk),
    decodeProgram: decoderProgram(
      rotarySpec,
      layout,
      o.num_hidden_layers,
      o.vocab_size,
      { x: d, normed: d, packed: (Q + 2 * G) * h, context: Q * h, wide: m },
      instructionsOf(o, m),
    ),
  }
}

/** The Llama family as a plugin: `llama({ vocab_size: 512, hidden_size: 128, ... })`. */
export const llama = defineModel({ name: "llama", options: llamaOptions, make: llamaArchitecture })
