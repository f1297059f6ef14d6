/**
 * Gemma 2: norms before and behind attention and feed-forward that scale by 1 + w, a scaled embedding, layers that alternate
 * between a window and all positions, and soft caps of scores and logits.
 *
 * @source Gemma Team 2024, "Gemma 2: Improving Open Language Models at a Practical Size" (arXiv 2408.00118); names and
 * arithmetic as in `transformers` with eager attention
 */
import {
  all,
  defineFamily,
  gatedDecoder,
  gatedFields,
  gatedNames,
  gatedOptions,
  gatedRotary,
  headsFit,
  layerTypes,
  none,
  oneKindEach,
  refused,
  ropeReader,
  size,
  used,
} from "@winnow/models"
import { type } from "arktype"

/** The kind of each layer: without `layer_types` the first has the window, the second reads all positions, and so on. */
const typesOf = (o: {
  readonly num_hidden_layers: number
  readonly layer_types?: typeof layerTypes.infer
}): typeof layerTypes.infer =>
  o.layer_types ??
  Array.from({ length: o.num_hidden_layers }, (_, l) => (l % 2 === 0 ? "sliding_attention" : "full_attention"))

/** A cap, or none. */
const cap = type("number > 0 | null")

/** The fields of a Gemma 2 config.json that the computation depends on; defaults are those of `transformers`. */
const gemma2Options = type({
  "...": gatedOptions.and(gatedRotary),
  "+": "reject",
  max_position_embeddings: size.default(8192),
  attention_bias: "boolean = false",
  tie_word_embeddings: "boolean = true",
  /** Scores are divided by its square root. */
  query_pre_attn_scalar: "number > 0 = 256",
  /** Positions that a token of a sliding layer reads, its own included. */
  sliding_window: size.default(4096),
  "layer_types?": layerTypes,
  /** Logits x are cap tanh(x / cap). */
  final_logit_softcapping: cap.default(30),
  /** Scores x are cap tanh(x / cap) before the softmax. */
  attn_logit_softcapping: cap.default(50),
  hidden_activation: "'gelu_pytorch_tanh' = 'gelu_pytorch_tanh'",
})
  .narrow(headsFit)
  .narrow((o, ctx) => oneKindEach(typesOf(o), o.num_hidden_layers, ctx))

export type Gemma2Options = typeof gemma2Options.infer

/** The Gemma 2 family: `gemma2({ vocab_size: 512, hidden_size: 128, ... })`. */
export const gemma2 = defineFamily({
  name: "gemma2",
  options: gemma2Options,
  describe: (o) => {
    const types = typesOf(o)
    return gatedDecoder(o, {
      type: "gemma2",
      architecture: "Gemma2ForCausalLM",
      biases: { queries: o.attention_bias, output: o.attention_bias },
      outputNorms: true,
      plusOne: true,
      activation: "gelu-tanh",
      // in float32, as transformers keeps it
      embedScale: Math.fround(Math.sqrt(o.hidden_size)),
      scale: 1 / Math.sqrt(o.query_pre_attn_scalar),
      scoreCap: o.attn_logit_softcapping ?? undefined,
      logitCap: o.final_logit_softcapping ?? undefined,
      windows: types.map((kind) => (kind === "sliding_attention" ? o.sliding_window : undefined)),
      config: { layer_types: types },
    })
  },
  config: {
    fields: [
      ...gatedFields,
      ["hidden_activation", used("gelu_pytorch_tanh or gelu_new, which are the same; another is refused")],
      ...all("hidden_act mlp_bias sliding_window_size", none("transformers' Gemma 2 does not read it")),
      ["attention_bias", used("biases of the attention's projections")],
      ["query_pre_attn_scalar", used("scores are divided by its root; absent: 256")],
      ["sliding_window", used("positions that a token reads in layers with a window, its own included")],
      [
        "layer_types",
        used("full_attention or sliding_attention by layer; absent: a window in every second, from the first"),
      ],
      ["final_logit_softcapping", used("cap of the logits; null: none; absent: 30")],
      ["attn_logit_softcapping", used("cap of the scores; null: none; absent: 50")],
      ["use_bidirectional_attention", refused("a token attends to those before it alone", (value) => value === false)],
    ],
    defaults: {
      vocab_size: 256000,
      hidden_size: 2304,
      num_hidden_layers: 26,
      num_attention_heads: 8,
      num_key_value_heads: 4,
      head_dim: 256,
      intermediate_size: 9216,
    },
    nullable: ["layer_types"],
    activation: {
      key: "hidden_activation",
      names: { gelu_pytorch_tanh: "gelu_pytorch_tanh", gelu_new: "gelu_pytorch_tanh" },
    },
    rope: ropeReader("gemma2", { theta: "rope_theta", positions: 8192 }),
  },
  names: gatedNames,
})
