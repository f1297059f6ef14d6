/** The options of families with GPT-2's names for sizes, and how their folders are read; a family adds its own. */
import type { FileNames } from "@winnow/core"
import { type Traversal, type } from "arktype"
import { type Field, none, refused, used } from "./config-fields.ts"
import { layerCount, size } from "./sizes.ts"
import { tokenIds } from "./token-ids.ts"

/** The fields of config.json that all of them read; defaults are those of `transformers`. */
export const gptOptions = type({
  "...": tokenIds,
  vocab_size: size,
  n_embd: size,
  n_layer: layerCount,
  n_head: size,
  /** 4 n_embd if left out. */
  "n_inner?": size,
  activation_function: "'gelu_new' | 'gelu' = 'gelu_new'",
  layer_norm_epsilon: "number > 0 = 0.00001",
  initializer_range: "number > 0 = 0.02",
})

/** True of options whose heads divide the hidden size: a condition of a family's options. */
export const gptHeadsFit = (o: Pick<typeof gptOptions.infer, "n_head" | "n_embd">, ctx: Traversal): boolean =>
  o.n_embd % o.n_head === 0 || ctx.mustBe(`such that n_head ${o.n_head} divides n_embd ${o.n_embd}`)

/** A field that must equal another one; a different value is refused. */
const sameAs = (as: string, fallback: number) =>
  refused(
    `transformers takes it for ${as}, which says otherwise`,
    (value, { [as]: other = fallback }) => value === other,
  )

/** The part of the fields of config.json that all of them have, of a family with these defaults. */
export const gptFields = (
  defaults: Readonly<Record<"n_embd" | "n_layer" | "n_head" | "n_positions", number>>,
): ReadonlyArray<readonly [string, Field]> => [
  ["n_embd", used("columns of embedding and head")],
  ["n_layer", used("layers")],
  ["n_head", used("heads")],
  ["n_inner", used("columns of the feed-forward; null or absent: 4 n_embd")],
  ["n_positions", used("most positions of a sequence")],
  ["activation_function", used("gelu_new or gelu_pytorch_tanh; gelu; another is refused")],
  ["layer_norm_epsilon", used("epsilon of the layer norms")],
  ["hidden_size", sameAs("n_embd", defaults.n_embd)],
  ["num_hidden_layers", sameAs("n_layer", defaults.n_layer)],
  ["num_attention_heads", sameAs("n_head", defaults.n_head)],
  ["max_position_embeddings", sameAs("n_positions", defaults.n_positions)],
  ["n_ctx", none("the size of a mask in old versions of transformers")],
]

/** The activations of a feed-forward without gate, by their names in `transformers`. */
export const geluNames = { gelu_new: "gelu_new", gelu_pytorch_tanh: "gelu_new", gelu: "gelu", gelu_python: "gelu" }

/** The activation of these options, as instructions name it. */
export const geluOf = (name: "gelu_new" | "gelu") => (name === "gelu" ? "gelu" : "gelu-tanh")

/** The names in their files. */
export const gptNames: FileNames = {
  trunk: "transformer.",
  anchor: "h.0.ln_1.weight",
  layer: /^h\.(\d+)\./,
  base: /^(h|wte|wpe|ln_f)\./,
  embed: "transformer.wte.weight",
  heads: ["lm_head"],
  buffers: /(^|\.)attn\.(bias|masked_bias)$/,
}
