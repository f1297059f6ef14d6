/**
 * Llama, 1 to 3.x, and models of its layout (TinyLlama, SmolLM): RMS norm, grouped-query attention, rotary embedding of
 * the whole head, SiLU-gated feed-forward.
 *
 * @source Touvron et al. 2023, "LLaMA" and "Llama 2"; names and arithmetic as in `transformers`
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
  ropeReader,
  size,
  used,
} from "@winnow/models"
import { type } from "arktype"

/** The fields of a Llama config.json that the computation depends on; defaults are those of `transformers`. */
const llamaOptions = type({
  "...": gatedOptions.and(gatedRotary),
  "+": "reject",
  max_position_embeddings: size.default(2048),
  attention_bias: "boolean = false",
  mlp_bias: "boolean = false",
  hidden_act: "'silu' = 'silu'",
}).narrow(headsFit)

export type LlamaOptions = typeof llamaOptions.infer

/** The Llama family: `llama({ vocab_size: 512, hidden_size: 128, ... })`. */
export const llama = defineFamily({
  name: "llama",
  options: llamaOptions,
  describe: (o) =>
    gatedDecoder(o, {
      type: "llama",
      architecture: "LlamaForCausalLM",
      biases: { queries: o.attention_bias, output: o.attention_bias, feed: o.mlp_bias },
    }),
  config: {
    fields: [
      ...gatedFields,
      ["attention_bias", used("biases of the attention's projections")],
      ["mlp_bias", used("biases of the feed-forward")],
    ],
    defaults: {
      vocab_size: 32000,
      hidden_size: 4096,
      num_hidden_layers: 32,
      num_attention_heads: 32,
      intermediate_size: 11008,
    },
    nullable: ["num_key_value_heads", "head_dim"],
    activation: gatedActivation,
    rope: ropeReader("llama", { theta: "rope_theta" }),
  },
  names: gatedNames,
})
