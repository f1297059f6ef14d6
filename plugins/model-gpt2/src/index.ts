/**
 * GPT-2: learned positions, heads without rotation, layer norms before attention and feed-forward, weights that files hold
 * transposed.
 *
 * Letter: h head size.
 * @source Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"; names and arithmetic as in
 * `transformers`
 */
import {
  all,
  defineFamily,
  geluNames,
  geluOf,
  gptDecoder,
  gptFields,
  gptHeadsFit,
  gptNames,
  gptOptions,
  none,
  noTokenIds,
  size,
  transposed,
  used,
} from "@winnow/models"
import { type } from "arktype"

/** The fields of a GPT-2 config.json that the computation depends on; defaults are those of `transformers`. */
const gpt2Options = type({
  "...": gptOptions,
  "+": "reject",
  n_positions: size.default(1024),
  /** Scores are multiplied by 1 / sqrt(h), or by 1 if false. */
  scale_attn_weights: "boolean = true",
  /** Scores are divided by the number of their layer, counted from 1. */
  scale_attn_by_inverse_layer_idx: "boolean = false",
  tie_word_embeddings: "boolean = true",
}).narrow(gptHeadsFit)

const describe = (o: typeof gpt2Options.infer) => {
  const { n_embd: d, n_head: heads, initializer_range: std } = o
  const headSize = d / heads
  const plain = o.scale_attn_weights ? headSize ** -0.5 : 1
  const type = "gpt2"
  return gptDecoder({
    type,
    config: {
      ...noTokenIds,
      ...o,
      architectures: ["GPT2LMHeadModel"],
      model_type: type,
      use_cache: true,
      dtype: "float32",
    },
    vocabulary: o.vocab_size,
    width: d,
    feed: o.n_inner ?? 4 * d,
    layers: o.n_layer,
    positions: o.n_positions,
    heads: { heads, kvHeads: heads, headSize, order: "kinds" },
    scale: (l) => (o.scale_attn_by_inverse_layer_idx ? plain / (l + 1) : plain),
    activation: geluOf(o.activation_function),
    eps: o.layer_norm_epsilon,
    std,
    // the more residual branches a model has, the smaller their fresh weights are
    residualStd: std / Math.sqrt(2 * o.n_layer),
    parallel: false,
    tied: o.tie_word_embeddings,
    stored: (_, shape) => transposed(shape),
    names: {
      embed: "transformer.wte",
      positions: "transformer.wpe",
      layers: "transformer.h.",
      norms: ["ln_1", "ln_2"],
      matrices: [["attn.c_attn"], ["attn.c_proj"], ["mlp.c_fc"], ["mlp.c_proj"]],
      norm: "transformer.ln_f",
      head: "lm_head",
    },
  })
}

const defaults = { n_embd: 768, n_layer: 12, n_head: 12 }

/** The GPT-2 family: `gpt2({ vocab_size: 512, n_embd: 128, n_layer: 4, n_head: 4 })`. */
export const gpt2 = defineFamily({
  name: "gpt2",
  options: gpt2Options,
  describe,
  config: {
    fields: [
      ...gptFields({ ...defaults, n_positions: 1024 }),
      ["scale_attn_weights", used("scores times 1 / sqrt(head size), or as they are")],
      ["scale_attn_by_inverse_layer_idx", used("scores divided by the number of their layer, from 1")],
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
    defaults: { vocab_size: 50257, ...defaults },
    nullable: ["n_inner"],
    activation: { key: "activation_function", names: geluNames },
  },
  names: gptNames,
})
