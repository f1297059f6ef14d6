/**
 * GPT-2: learned positions, heads without rotation, layer norms before attention and feed-forward, weights that files hold
 * transposed.
 *
 * Letters: d hidden size, m intermediate size, h head size.
 * @source Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"; names and arithmetic as in
 * `transformers`
 */
import type { ParameterSpec } from "@winnow/core"
import {
  all,
  type Description,
  defineFamily,
  layerCount,
  none,
  normal,
  noTokenIds,
  ones,
  refused,
  size,
  tokenIds,
  transposed,
  used,
  zeros,
} from "@winnow/models"
import { type } from "arktype"

/** The fields of a GPT-2 config.json that the computation depends on; defaults are those of `transformers`. */
const gpt2Options = type({
  "...": tokenIds,
  "+": "reject",
  vocab_size: size,
  n_embd: size,
  n_layer: layerCount,
  n_head: size,
  /** 4 n_embd if left out. */
  "n_inner?": size,
  n_positions: size.default(1024),
  activation_function: "'gelu_new' | 'gelu' = 'gelu_new'",
  layer_norm_epsilon: "number > 0 = 0.00001",
  /** Scores times 1 / sqrt(h), or as they are. */
  scale_attn_weights: "boolean = true",
  /** Scores divided by the number of their layer, from 1. */
  scale_attn_by_inverse_layer_idx: "boolean = false",
  initializer_range: "number > 0 = 0.02",
  tie_word_embeddings: "boolean = true",
}).narrow(
  (o, ctx) => o.n_embd % o.n_head === 0 || ctx.mustBe(`such that n_head ${o.n_head} divides n_embd ${o.n_embd}`),
)

type Gpt2Options = typeof gpt2Options.infer

const EMBED = "transformer.wte.weight"
const POSITIONS = "transformer.wpe.weight"

/** The matrices of a layer, each with a bias, by their sizes. */
const matricesOf = ({ n_embd: d, n_inner: m = 4 * d }: Gpt2Options) =>
  ({ "attn.c_attn": [3 * d, d], "attn.c_proj": [d, d], "mlp.c_fc": [m, d], "mlp.c_proj": [d, m] }) as const

const parametersOf = (o: Gpt2Options): Map<string, ParameterSpec> => {
  const { n_embd: d, initializer_range: std } = o
  const specs = new Map<string, ParameterSpec>()
  const norm = (name: string) => specs.set(`${name}.weight`, ones(d)).set(`${name}.bias`, zeros(d))
  specs.set(EMBED, normal([o.vocab_size, d], std)).set(POSITIONS, normal([o.n_positions, d], std))
  for (let l = 0; l < o.n_layer; l++) {
    const at = `transformer.h.${l}.`
    norm(`${at}ln_1`)
    norm(`${at}ln_2`)
    for (const [name, shape] of Object.entries(matricesOf(o))) {
      // the branches of a residual begin smaller, the more there are
      const spread = name.endsWith("c_proj") ? std / Math.sqrt(2 * o.n_layer) : std
      specs.set(`${at}${name}.weight`, normal(shape, spread)).set(`${at}${name}.bias`, zeros(shape[0]))
    }
  }
  norm("transformer.ln_f")
  if (!o.tie_word_embeddings) specs.set("lm_head.weight", normal([o.vocab_size, d], std))
  return specs
}

const layersOf = (o: Gpt2Options): Description["layers"] => {
  const norm = (name: string) => {
    const names = { scale: `${name}.weight`, shift: `${name}.bias` }
    return { op: "norm", kind: "layer", from: "x", to: "normed", ...names, eps: o.layer_norm_epsilon } as const
  }
  const plain = o.scale_attn_weights ? (o.n_embd / o.n_head) ** -0.5 : 1
  const activation = o.activation_function === "gelu" ? "gelu" : "gelu-tanh"
  return Array.from({ length: o.n_layer }, (_, l) => {
    const at = `transformer.h.${l}.`
    const matrix = (name: string) => [{ weight: `${at}${name}.weight`, bias: `${at}${name}.bias` }]
    const scale = o.scale_attn_by_inverse_layer_idx ? plain / (l + 1) : plain
    return [
      norm(`${at}ln_1`),
      { op: "linear", from: "normed", to: "packed", of: matrix("attn.c_attn") },
      { op: "attend", from: "packed", to: "context", scale },
      { op: "linear", from: "context", to: "x", of: matrix("attn.c_proj"), add: true },
      norm(`${at}ln_2`),
      { op: "linear", from: "normed", to: "wide", of: matrix("mlp.c_fc"), activation },
      { op: "linear", from: "wide", to: "x", of: matrix("mlp.c_proj"), add: true },
    ]
  })
}

const describe = (o: Gpt2Options): Description => ({
  type: "gpt2",
  attends: "before",
  config: {
    ...noTokenIds,
    ...o,
    architectures: ["GPT2LMHeadModel"],
    model_type: "gpt2",
    use_cache: true,
    dtype: "float32",
  },
  vocabularySize: o.vocab_size,
  hiddenSize: o.n_embd,
  maxLength: o.n_positions,
  parameters: parametersOf(o),
  stored: new Map(
    Array.from({ length: o.n_layer }, (_, l) =>
      Object.entries(matricesOf(o)).map(
        ([name, shape]) => [`transformer.h.${l}.${name}.weight`, transposed(shape)] as const,
      ),
    ).flat(),
  ),
  heads: { heads: o.n_head, kvHeads: o.n_head, headSize: o.n_embd / o.n_head, order: "kinds" },
  embed: { table: EMBED, positions: POSITIONS },
  layers: layersOf(o),
  norm: { kind: "layer", scale: "transformer.ln_f.weight", shift: "transformer.ln_f.bias", eps: o.layer_norm_epsilon },
  head: { weight: o.tie_word_embeddings ? EMBED : "lm_head.weight" },
})

/** A field that says the same as another one, or is refused. */
const same = (as: string, fallback: number) =>
  refused(
    `transformers takes it for ${as}, which says otherwise`,
    (value, { [as]: other = fallback }) => value === other,
  )

/** The GPT-2 family: `gpt2({ vocab_size: 512, n_embd: 128, n_layer: 4, n_head: 4 })`. */
export const gpt2 = defineFamily({
  name: "gpt2",
  options: gpt2Options,
  describe,
  config: {
    fields: [
      ["n_embd", used("columns of embedding and head")],
      ["n_layer", used("layers")],
      ["n_head", used("heads")],
      ["n_inner", used("columns of the feed-forward; null or absent: 4 n_embd")],
      ["n_positions", used("most positions of a sequence")],
      ["activation_function", used("gelu_new or gelu_pytorch_tanh; gelu; another is refused")],
      ["layer_norm_epsilon", used("epsilon of the layer norms")],
      ["scale_attn_weights", used("scores times 1 / sqrt(head size), or as they are")],
      ["scale_attn_by_inverse_layer_idx", used("scores divided by the number of their layer, from 1")],
      ["hidden_size", same("n_embd", 768)],
      ["num_hidden_layers", same("n_layer", 12)],
      ["num_attention_heads", same("n_head", 12)],
      ["max_position_embeddings", same("n_positions", 1024)],
      ["n_ctx", none("the size of a mask in old versions of transformers")],
      ["reorder_and_upcast_attn", none("the order of the same products, in float32: as everything is here")],
      ...all(
        "summary_activation summary_first_dropout summary_proj_to_labels summary_type summary_use_proj",
        none("of a head of several choices; the head here is the vocabulary's"),
      ),
      ["output_past", none("chooses what transformers returns, not its numbers")],
      ...all(
        "rope_theta rope_scaling rope_parameters partial_rotary_factor original_max_position_embeddings",
        none("positions are learned; transformers' GPT-2 does not read it"),
      ),
    ],
    defaults: { vocab_size: 50257, n_embd: 768, n_layer: 12, n_head: 12 },
    nullable: ["n_inner"],
    activation: {
      key: "activation_function",
      names: { gelu_new: "gelu_new", gelu_pytorch_tanh: "gelu_new", gelu: "gelu", gelu_python: "gelu" },
    },
  },
  names: {
    trunk: "transformer.",
    anchor: "h.0.ln_1.weight",
    layer: /^h\.(\d+)\./,
    base: /^(h|wte|wpe|ln_f)\./,
    embed: EMBED,
    heads: ["lm_head"],
    buffers: /(^|\.)attn\.(bias|masked_bias)$/,
  },
})
