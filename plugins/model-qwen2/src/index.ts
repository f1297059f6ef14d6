/**
 * Qwen2 and Qwen2.5: the layers of Llama with biases of queries, keys and values, and a window in the upper layers where
 * `use_sliding_window` says so.
 *
 * @source Yang et al. 2024, "Qwen2 Technical Report"; names and arithmetic as in `transformers`
 */
import {
  all,
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
  windowFields,
  windowOptions,
  windowsFit,
  windowsOf,
} from "@winnow/models"
import { type } from "arktype"

/** The fields of a Qwen2 config.json that the computation depends on; defaults are those of `transformers`. */
const qwen2Options = type({
  "...": gatedOptions.and(gatedRotary).and(windowOptions),
  "+": "reject",
  max_position_embeddings: size.default(32768),
  hidden_act: "'silu' = 'silu'",
})
  .narrow(headsFit)
  .narrow(windowsFit)

export type Qwen2Options = typeof qwen2Options.infer

/** The Qwen2 family: `qwen2({ vocab_size: 512, hidden_size: 128, ... })`. */
export const qwen2 = defineFamily({
  name: "qwen2",
  options: qwen2Options,
  describe: (o) => {
    const { types, windows } = windowsOf(o)
    return gatedDecoder(o, {
      type: "qwen2",
      architecture: "Qwen2ForCausalLM",
      biases: { queries: true },
      windows,
      config: { sliding_window: o.sliding_window ?? null, layer_types: types },
    })
  },
  config: {
    fields: [
      ...gatedFields,
      ...windowFields,
      ...all(
        "attention_bias mlp_bias qkv_bias",
        none("transformers' Qwen2 does not read it: queries, keys and values have a bias, nothing else has"),
      ),
    ],
    defaults: {
      vocab_size: 151936,
      hidden_size: 4096,
      num_hidden_layers: 32,
      num_attention_heads: 32,
      num_key_value_heads: 32,
      intermediate_size: 22016,
      sliding_window: 4096,
    },
    nullable: ["num_key_value_heads", "head_dim", "sliding_window", "layer_types"],
    activation: gatedActivation,
    rope: ropeReader("qwen2", { theta: "rope_theta", positions: 32768 }),
  },
  names: gatedNames,
})
