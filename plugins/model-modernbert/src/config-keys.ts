/** The fields of a config.json of ModernBERT and of its decoder, and their role here. */
import { all, type ConfigKeys, none, refused, ropeByKindReader, sizeFields, used } from "@winnow/models"

type Config = Readonly<Record<string, unknown>>

/** The bases of both kinds of layers; scaling is refused, and a flat `rope_theta` is no key of these families. */
const ropeReader = (type: string) => {
  const readRope = ropeByKindReader(type, {
    full: { key: "global_rope_theta", fallback: 160_000 },
    sliding: { key: "local_rope_theta", fallback: 10_000 },
    positions: 8192,
  })
  return ({ rope_theta: _, ...config }: Config) => {
    const { options, problems, notes } = readRope(config)
    const { rope_theta: __, rope_scaling: scaling, ...bases } = options
    const scaled = scaling === undefined ? [] : ["rope_parameters of full_attention are scaled: not supported"]
    return { options: bases, problems: [...problems, ...scaled], notes }
  }
}

/** The way from a config.json of this `model_type` to options. */
export const configKeys = (type: string): ConfigKeys => ({
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
    ["is_causal", none("the family says what attention reads")],
    ["sliding_window", none("transformers computes it from local_attention")],
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
  rope: ropeReader(type),
})
