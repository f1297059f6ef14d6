/**
 * Qwen3: the layers of Llama with a norm of each head of queries and keys, and a window in the upper layers where
 * `use_sliding_window` says so.
 *
 * @source Yang et al. 2025, "Qwen3 Technical Report"; names and arithmetic as in `transformers`
 */
import {
  defineFamily,
  gatedActivation,
  gatedDecoder,
  gatedFields,
  gatedNames,
  gatedOptions,
  gatedRotary,
  headsFit,
  none,
  ropeReader,
  size,
  used,
  windowFields,
  windowOptions,
  windowsFit,
  windowsOf,
} from "@winnow/models"
import { type } from "arktype"

/** The fields of a Qwen3 config.json that the computation depends on; defaults are those of `transformers`. */
const qwen3Options = type({
  "...": gatedOptions.and(gatedRotary).and(windowOptions),
  "+": "reject",
  max_position_embeddings: size.default(32768),
  attention_bias: "boolean = false",
  hidden_act: "'silu' = 'silu'",
})
  .narrow(headsFit)
  .narrow(windowsFit)

export type Qwen3Options = typeof qwen3Options.infer

/** The Qwen3 family: `qwen3({ vocab_size: 512, hidden_size: 128, ... })`. */
export const qwen3 = defineFamily({
  name: "qwen3",
  options: qwen3Options,
  describe: (o) => {
    const { types, windows } = windowsOf(o)
    return gatedDecoder(o, {
      type: "qwen3",
      architecture: "Qwen3ForCausalLM",
      biases: { queries: o.attention_bias, output: o.attention_bias },
      headNorms: true,
      windows,
      config: { sliding_window: o.sliding_window ?? null, layer_types: types },
    })
  },
  config: {
    fields: [
      ...gatedFields,
      ...windowFields,
      ["head_dim", used("size of a head; absent: 128")],
      ["attention_bias", used("biases of the attention's projections")],
      ["mlp_bias", none("transformers' Qwen3 does not read it: the feed-forward has no bias")],
    ],
    defaults: {
      vocab_size: 151936,
      hidden_size: 4096,
      num_hidden_layers: 32,
      num_attention_heads: 32,
      num_key_value_heads: 32,
      head_dim: 128,
      intermediate_size: 22016,
      sliding_window: 4096,
    },
    nullable: ["num_key_value_heads", "sliding_window", "layer_types"],
    activation: gatedActivation,
    rope: ropeReader("qwen3", { theta: "rope_theta", positions: 32768 }),
  },
  names: gatedNames,
})
