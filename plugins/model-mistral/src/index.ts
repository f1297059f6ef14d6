/**
 * Mistral: the layers of Llama without biases, with a window that slides over the last positions.
 *
 * @source Jiang et al. 2023, "Mistral 7B"; names and arithmetic as in `transformers`
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
  refused,
  ropeReader,
  size,
  used,
} from "@winnow/models"
import { type } from "arktype"

/** The fields of a Mistral config.json that the computation depends on; defaults are those of `transformers`. */
const mistralOptions = type({
  "...": gatedOptions.and(gatedRotary),
  "+": "reject",
  max_position_embeddings: size.default(131072),
  /** Positions that a token reads, its own included; all if left out. In a config.json without it the value is 4096. */
  "sliding_window?": size,
  hidden_act: "'silu' = 'silu'",
}).narrow(headsFit)

export type MistralOptions = typeof mistralOptions.infer

/** The Mistral family: `mistral({ vocab_size: 512, hidden_size: 128, ..., sliding_window: 64 })`. */
export const mistral = defineFamily({
  name: "mistral",
  options: mistralOptions,
  describe: (o) =>
    gatedDecoder(o, {
      type: "mistral",
      architecture: "MistralForCausalLM",
      windows: Array.from({ length: o.num_hidden_layers }, () => o.sliding_window),
      config: { sliding_window: o.sliding_window ?? null },
    }),
  config: {
    fields: [
      ...gatedFields,
      ["sliding_window", used("positions that a token reads, its own included; null: all; absent: 4096")],
      [
        "layer_types",
        refused(
          "every layer has the window of sliding_window, or none if that is null",
          (value, { sliding_window = 4096 }) => {
            const kind = sliding_window === null ? "full_attention" : "sliding_attention"
            return Array.isArray(value) && value.every((each) => each === kind)
          },
        ),
      ],
      ["attention_bias", none("transformers' Mistral does not read it: no matrix has a bias")],
      ["mlp_bias", none("transformers' Mistral does not read it: no matrix has a bias")],
    ],
    defaults: {
      vocab_size: 32000,
      hidden_size: 4096,
      num_hidden_layers: 32,
      num_attention_heads: 32,
      num_key_value_heads: 8,
      intermediate_size: 14336,
      sliding_window: 4096,
    },
    nullable: ["num_key_value_heads", "head_dim", "sliding_window"],
    activation: gatedActivation,
    rope: ropeReader("mistral", { theta: "rope_theta", positions: 131072 }),
  },
  names: gatedNames,
})
