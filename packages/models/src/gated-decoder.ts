/**
 * Decoders of Llama's kin: in each layer an RMS norm, rotated attention with grouped queries, a second norm and a gated
 * feed-forward, each added to the residual stream.
 *
 * Letters: d hidden size, m intermediate size, h head size, Q query heads, G key-value heads.
 */
import type { ParameterSpec } from "@winnow/core"
import { type GatedOptions, type GatedRotary, gatedEmbedding, headsOf } from "./gated-options.ts"
import type { Description, Instruction, Matrix, Rotation } from "./instructions.ts"
import { normal, ones, zeros } from "./parameters.ts"
import type { RopeScaling } from "./rope-scaling.ts"
import { noTokenIds } from "./token-ids.ts"

const PROJECTIONS = ["q_proj", "k_proj", "v_proj"] as const
const HEAD_NORMS = ["q_norm", "k_norm"] as const
/** The norms of a layer: of inputs alone, and of inputs and outputs. */
const NORMS = ["input_layernorm", "post_attention_layernorm"] as const
const NORMS_OF_OUTPUTS = [...NORMS, "pre_feedforward_layernorm", "post_feedforward_layernorm"] as const

/** The properties in which families of gated decoders differ. */
export interface GatedForm {
  /** `model_type` of config.json. */
  readonly type: string
  /** The class of `transformers`. */
  readonly architecture: string
  /** The matrices that have a bias: queries, keys and values; the attention's output; the feed-forward. */
  readonly biases?: { readonly queries?: boolean; readonly output?: boolean; readonly feed?: boolean }
  /** Queries and keys have a norm of each head. */
  readonly headNorms?: boolean
  /** One matrix of queries, keys and values, and one of gate and up. */
  readonly fused?: true
  /** The share of each head that is rotated; the whole head if left out. */
  readonly rotated?: number
  /** The outputs of attention and feed-forward have a norm before they are added. */
  readonly outputNorms?: boolean
  /** The scale of each norm is one more than its parameter, which begins as 0. */
  readonly plusOne?: boolean
  /** The activation of the gate; SiLU if left out. */
  readonly activation?: "gelu-tanh"
  /** Factor of the embedding. */
  readonly embedScale?: number
  /** Factor of the scores, as an `attend` has it. */
  readonly scale?: number
  /** The rotary embedding of each layer, in place of that of the options. */
  readonly rotaries?: ReadonlyArray<Rotation>
  /** Soft cap of the scores, as an `attend` has it, and of the logits. */
  readonly scoreCap?: number | undefined
  readonly logitCap?: number | undefined
  /** The positions that each layer reads, as an `attend` has them. */
  readonly windows?: ReadonlyArray<number | undefined>
  /** Fields of config.json beyond the options. */
  readonly config?: Readonly<Record<string, unknown>>
}

/** The rotary embedding, of any scaling. */
type Rotated = Omit<GatedRotary, "rope_scaling"> & { readonly rope_scaling?: RopeScaling | undefined }

/** Columns of the feed-forward. */
const feedSize = (o: GatedOptions) => o.intermediate_size ?? 8 * Math.ceil(o.hidden_size / 3)

const parametersOf = (o: GatedOptions, form: GatedForm): Map<string, ParameterSpec> => {
  const { biases = {}, headNorms, outputNorms, plusOne, fused } = form
  const [V, d, m] = [o.vocab_size, o.hidden_size, feedSize(o)]
  const { Q, G, h } = headsOf(o)
  const specs = new Map<string, ParameterSpec>()
  const weight = (name: string, e: number, of: number, bias = false) => {
    specs.set(`${name}.weight`, normal([e, of], o.initializer_range))
    if (bias) specs.set(`${name}.bias`, zeros(e))
  }
  const norm = (name: string, size: number) => specs.set(`${name}.weight`, plusOne ? zeros(size) : ones(size))
  weight("model.embed_tokens", V, d)
  for (let l = 0; l < o.num_hidden_layers; l++) {
    const at = `model.layers.${l}.`
    for (const name of outputNorms ? NORMS_OF_OUTPUTS : NORMS) norm(`${at}${name}`, d)
    if (fused) weight(`${at}self_attn.qkv_proj`, (Q + 2 * G) * h, d, biases.queries)
    else
      for (const kind of PROJECTIONS)
        weight(`${at}self_attn.${kind}`, (kind === "q_proj" ? Q : G) * h, d, biases.queries)
    weight(`${at}self_attn.o_proj`, d, Q * h, biases.output)
    if (headNorms) for (const kind of HEAD_NORMS) norm(`${at}self_attn.${kind}`, h)
    if (fused) weight(`${at}mlp.gate_up_proj`, 2 * m, d, biases.feed)
    else for (const kind of ["gate_proj", "up_proj"]) weight(`${at}mlp.${kind}`, m, d, biases.feed)
    weight(`${at}mlp.down_proj`, d, m, biases.feed)
  }
  norm("model.norm", d)
  if (!o.tie_word_embeddings) weight("lm_head", V, d)
  return specs
}

const layersOf = (o: GatedOptions, form: GatedForm): Description["layers"] => {
  const {
    biases = {},
    windows = [],
    rotaries = [],
    fused,
    headNorms,
    outputNorms,
    plusOne,
    activation,
    scale,
    scoreCap,
  } = form
  const norm = (from: string, to: string, name: string) =>
    ({ op: "norm", kind: "rms", from, to, scale: `${name}.weight`, eps: o.rms_norm_eps, plusOne }) as const
  /** A product that is added to x, after its norm if outputs have norms. */
  const added = (from: string, of: Matrix, name: string): ReadonlyArray<Instruction> =>
    outputNorms
      ? [
          { op: "linear", from, to: "output", of: [of] },
          { ...norm("output", "x", name), add: true },
        ]
      : [{ op: "linear", from, to: "x", of: [of], add: true }]
  const matrix = (name: string, bias = false) => ({ weight: `${name}.weight`, bias: bias ? `${name}.bias` : undefined })
  return Array.from({ length: o.num_hidden_layers }, (_, l) => {
    const at = `model.layers.${l}.`
    const feed = (kind: string) => matrix(`${at}mlp.${kind}`, biases.feed)
    const queries = (fused ? ["qkv_proj"] : PROJECTIONS).map((kind) => matrix(`${at}self_attn.${kind}`, biases.queries))
    const gate = fused ? { gate: feed("gate_up_proj") } : { gate: feed("gate_proj"), up: feed("up_proj") }
    const output = matrix(`${at}self_attn.o_proj`, biases.output)
    const [q, k] = HEAD_NORMS.map((kind) => `${at}self_attn.${kind}.weight`) as [string, string]
    const heads = {
      op: "headNorm",
      from: "packed",
      to: "packed",
      queries: q,
      keys: k,
      eps: o.rms_norm_eps,
      plusOne,
    } as const
    const [first, afterAttention, beforeFeed, afterFeed] = NORMS_OF_OUTPUTS.map((name) => `${at}${name}`) as [
      string,
      string,
      string,
      string,
    ]
    return [
      norm("x", "normed", first),
      { op: "linear", from: "normed", to: "packed", of: queries },
      ...(headNorms ? [heads] : []),
      { op: "attend", from: "packed", to: "context", window: windows[l], rotary: rotaries[l], scale, cap: scoreCap },
      ...added("context", output, afterAttention),
      norm("x", "normed", outputNorms ? beforeFeed : afterAttention),
      { op: "gate", from: "normed", to: "wide", ...gate, activation },
      ...added("wide", feed("down_proj"), afterFeed),
    ]
  })
}

/** config.json as `transformers` 5 reads it; the flat `rope_theta` is for earlier versions. */
const configOf = (o: GatedOptions & Rotated, form: GatedForm): Record<string, unknown> => {
  const { G, h } = headsOf(o)
  return {
    ...noTokenIds,
    ...o,
    architectures: [form.architecture],
    model_type: form.type,
    num_key_value_heads: G,
    head_dim: h,
    intermediate_size: feedSize(o),
    rope_parameters: { rope_type: "default", ...o.rope_scaling, rope_theta: o.rope_theta },
    attention_dropout: 0,
    use_cache: true,
    dtype: "float32",
    ...form.config,
  }
}

/** The description of a decoder of gated layers. */
export const gatedDecoder = (
  o: GatedOptions & Rotated & { readonly max_position_embeddings: number },
  form: GatedForm,
): Description => {
  const { Q, G, h } = headsOf(o)
  const { rotated = 1 } = form
  return {
    type: form.type,
    attends: "before",
    config: configOf(o, form),
    vocabularySize: o.vocab_size,
    hiddenSize: o.hidden_size,
    maxLength: o.max_position_embeddings,
    parameters: parametersOf(o, form),
    heads: { heads: Q, kvHeads: G, headSize: h, order: "kinds" },
    rotary: { rotated: Math.floor(h * rotated), theta: o.rope_theta, scaling: o.rope_scaling },
    embed: { table: gatedEmbedding, scale: form.embedScale },
    layers: layersOf(o, form),
    norm: { kind: "rms", scale: "model.norm.weight", eps: o.rms_norm_eps, plusOne: form.plusOne },
    head: { weight: o.tie_word_embeddings ? gatedEmbedding : "lm_head.weight", cap: form.logitCap },
  }
}
