/**
 * ModernBERT, an encoder: attention to all of a sequence in some layers and to neighbours in the others, each kind with a
 * rotary embedding of its own, a feed-forward with a GELU gate, no biases, a head with a transformation before it.
 *
 * Letters: V vocabulary, d hidden size, m intermediate size.
 * @source Warner et al. 2024, "Smarter, Better, Faster, Longer"; names and arithmetic as in `transformers`
 */
import {
  all,
  commonBuffers,
  type Description,
  defineFamily,
  headWithBias,
  type Instruction,
  layerCount,
  layerTypes,
  none,
  normal,
  normalWithBias,
  noTokenIds,
  oneKindEach,
  ones,
  refused,
  ropeByKindReader,
  size,
  sizeFields,
  tokenIds,
  used,
  zeros,
} from "@winnow/models"
import { type } from "arktype"

/** The fields of a ModernBERT config.json that the computation depends on; defaults are those of `transformers`. */
const modernbertOptions = type({
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
  /** A token of a sliding layer reads half of this on each side of it. */
  local_attention: size.default(128),
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

type Options = typeof modernbertOptions.infer

const EMBED = "model.embeddings.tok_embeddings.weight"
const HEAD = "decoder.weight"

const typesOf = (o: Options) =>
  o.layer_types ??
  Array.from({ length: o.num_hidden_layers }, (_, l) =>
    l % o.global_attn_every_n_layers === 0 ? "full_attention" : "sliding_attention",
  )

/** config.json as `transformers` 5 reads it; the flat rotary keys are for earlier versions. */
const configOf = (o: Options): Record<string, unknown> => ({
  ...noTokenIds,
  ...o,
  architectures: ["ModernBertForMaskedLM"],
  model_type: "modernbert",
  layer_types: typesOf(o),
  rope_parameters: {
    full_attention: { rope_type: "default", rope_theta: o.global_rope_theta },
    sliding_attention: { rope_type: "default", rope_theta: o.local_rope_theta },
  },
  attention_dropout: 0,
  dtype: "float32",
})

const describe = (o: Options): Description<"both"> => {
  const { vocab_size: V, hidden_size: d, intermediate_size: m, initializer_range: std, norm_eps: eps } = o
  const parameters = new Map<string, ReturnType<typeof normal>>()
  const norm = (name: string) => {
    parameters.set(`${name}.weight`, ones(d))
    if (o.norm_bias) parameters.set(`${name}.bias`, zeros(d))
    return { kind: "layer", scale: `${name}.weight`, shift: o.norm_bias ? `${name}.bias` : undefined, eps } as const
  }
  const matrix = (name: string, outputs: number, inputs: number, bias: boolean) => {
    parameters.set(`${name}.weight`, normal([outputs, inputs], std))
    if (bias) parameters.set(`${name}.bias`, zeros(outputs))
    return { weight: `${name}.weight`, bias: bias ? `${name}.bias` : undefined }
  }
  const table = (bias: boolean) => (bias ? normalWithBias([V, d], std) : normal([V, d], std))
  const head = o.tie_word_embeddings ? EMBED : HEAD
  parameters.set(EMBED, table(o.decoder_bias && o.tie_word_embeddings))
  const types = typesOf(o)
  const rotated = d / o.num_attention_heads
  const layers = types.map((kind, l): Array<Instruction> => {
    const at = `model.layers.${l}.`
    const local = kind === "sliding_attention"
    const [from, begin] = l === 0 ? ["x", norm("model.embeddings.norm")] : ["normed", norm(`${at}attn_norm`)]
    return [
      { op: "norm", from: "x", to: from, ...begin },
      { op: "linear", from, to: "packed", of: [matrix(`${at}attn.Wqkv`, 3 * d, d, o.attention_bias)] },
      {
        op: "attend",
        from: "packed",
        to: "context",
        window: local ? Math.floor(o.local_attention / 2) + 1 : undefined,
        rotary: { rotated, theta: local ? o.local_rope_theta : o.global_rope_theta },
      },
      { op: "linear", from: "context", to: "x", of: [matrix(`${at}attn.Wo`, d, d, o.attention_bias)], add: true },
      { op: "norm", from: "x", to: "normed", ...norm(`${at}mlp_norm`) },
      { op: "gate", from: "normed", to: "wide", gate: matrix(`${at}mlp.Wi`, 2 * m, d, o.mlp_bias), activation: "gelu" },
      { op: "linear", from: "wide", to: "x", of: [matrix(`${at}mlp.Wo`, d, m, o.mlp_bias)], add: true },
    ]
  })
  // The head's transformation ends the last layer.
  const dense = matrix("head.dense", d, d, o.classifier_bias)
  layers
    .at(-1)!
    .push(
      { op: "norm", from: "x", to: "normed", ...norm("model.final_norm") },
      { op: "linear", from: "normed", to: "x", of: [dense], activation: "gelu" },
    )
  const end = norm("head.norm")
  if (!o.tie_word_embeddings) parameters.set(HEAD, table(o.decoder_bias))
  return {
    type: "modernbert",
    attends: "both",
    config: configOf(o),
    vocabularySize: V,
    hiddenSize: d,
    maxLength: o.max_position_embeddings,
    parameters,
    stored: new Map(o.decoder_bias ? [[head, headWithBias(V, d, "decoder.bias")]] : []),
    heads: { heads: o.num_attention_heads, kvHeads: o.num_attention_heads, headSize: rotated, order: "kinds" },
    embed: { table: EMBED },
    layers,
    norm: end,
    head: { weight: head, ...(o.decoder_bias && { bias: true }) },
  }
}

const readRope = ropeByKindReader("modernbert", {
  full: { key: "global_rope_theta", fallback: 160_000 },
  sliding: { key: "local_rope_theta", fallback: 10_000 },
  positions: 8192,
})

/** The bases of both kinds of layers; scaling is refused, and a flat `rope_theta` is no key of this family. */
const rope = ({ rope_theta: _, ...config }: Readonly<Record<string, unknown>>) => {
  const { options, problems, notes } = readRope(config)
  const { rope_theta: __, rope_scaling: scaling, ...bases } = options
  const scaled = scaling === undefined ? [] : ["rope_parameters of full_attention are scaled: not supported"]
  return { options: bases, problems: [...problems, ...scaled], notes }
}

/** The ModernBERT family: `modernbert({ vocab_size: 512, hidden_size: 128, intermediate_size: 192, ... })`. */
export const modernbert = defineFamily({
  name: "modernbert",
  options: modernbertOptions,
  describe,
  config: {
    fields: [
      ...sizeFields,
      ["hidden_activation", used("gelu; another is refused")],
      ["classifier_activation", refused("the head's transformation has gelu here", (value) => value === "gelu")],
      ["global_attn_every_n_layers", used("without layer_types, the layers that read all of a sequence")],
      ["layer_types", used("full_attention or sliding_attention by layer; another kind is refused")],
      ["local_attention", used("a token of a sliding layer reads half of it on each side")],
      ["global_rope_theta", used("base of the rotary embedding of layers that read all")],
      ["local_rope_theta", used("base of the rotary embedding of sliding layers")],
      ["rope_parameters", used("both bases, by kind of layer")],
      ["rope_scaling", refused("only plain rotary embeddings are computed here", () => false)],
      ["rope_theta", none("transformers' ModernBERT reads a base for each kind of layer")],
      ["partial_rotary_factor", refused("whole heads are rotated here", (value) => value === 1)],
      ["original_max_position_embeddings", none("of scaled rotary embeddings")],
      ["norm_eps", used("epsilon of the norms")],
      ["norm_bias", used("biases of the norms")],
      ["attention_bias", used("biases of the attention's matrices")],
      ["mlp_bias", used("biases of the feed-forward")],
      ["classifier_bias", used("bias of the head's transformation")],
      ["decoder_bias", used("bias of the head")],
      ["is_causal", none("attention goes both ways")],
      ...all("cls_token_id classifier_pooling", none("of classifiers of whole texts")),
      ...all("embedding_dropout mlp_dropout", none("nothing is dropped here")),
      ["initializer_cutoff_factor", none("of fresh weights in transformers, whose normals are cut")],
      ...all(
        "deterministic_flash_attn reference_compile repad_logits_with_grad",
        none("chooses how transformers computes, not what"),
      ),
      ...all(
        "sparse_prediction sparse_pred_ignore_index",
        none("chooses the tokens that transformers returns logits of"),
      ),
    ],
    defaults: {
      vocab_size: 50368,
      hidden_size: 768,
      intermediate_size: 1152,
      num_hidden_layers: 22,
      num_attention_heads: 12,
    },
    nullable: ["layer_types", "classifier_activation"],
    activation: { key: "hidden_activation", names: { gelu: "gelu", gelu_python: "gelu" } },
    rope,
  },
  names: {
    trunk: "model.",
    anchor: "layers.0.mlp_norm.weight",
    layer: /^layers\.(\d+)\./,
    base: /^(layers|embeddings|final_norm)\./,
    outside: /^head\./,
    embed: EMBED,
    heads: ["decoder"],
    buffers: commonBuffers,
  },
})
