/**
 * CodeGen: attention and feed-forward side by side behind one norm, the first entries of each head rotated in neighbouring
 * pairs, a head with a bias.
 *
 * Letters: d hidden size, h head size, r rotated entries of a head.
 * @source Nijkamp et al. 2022, "CodeGen"; names and arithmetic as in `transformers`
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
  refused,
  reordered,
  size,
  used,
} from "@winnow/models"
import { type } from "arktype"

/** Shares of the fused projection in files, each with the queries, values and keys of its heads. */
const SHARES = 4

/** The fields of a CodeGen config.json that the computation depends on; defaults are those of `transformers`. */
const codegenOptions = type({
  "...": gptOptions,
  "+": "reject",
  n_positions: size.default(2048),
  /** r. */
  rotary_dim: size.default(64),
  tie_word_embeddings: "false = false",
})
  .narrow(gptHeadsFit)
  .narrow((o, ctx) => o.n_head % SHARES === 0 || ctx.mustBe(`such that ${SHARES} divides n_head ${o.n_head}`))
  .narrow((o, ctx) => {
    const fits = o.rotary_dim % 2 === 0 && o.rotary_dim <= o.n_embd / o.n_head
    return fits || ctx.mustBe(`such that rotary_dim ${o.rotary_dim} is even, and at most n_embd / n_head`)
  })

/**
 * The row in a file of each row of queries, keys and values: there a share has queries, values, keys, and the entries that
 * are rotated together are neighbours; here they lie in two halves.
 */
const rowsInFile = (d: number, heads: number, r: number): ReadonlyArray<number> => {
  const [h, share] = [d / heads, heads / SHARES]
  const entry = (i: number) => (i < r / 2 ? 2 * i : i < r ? 2 * (i - r / 2) + 1 : i)
  return ["queries", "keys", "values"].flatMap((kind) =>
    Array.from({ length: d }, (_, row) => {
      const [head, i] = [Math.floor(row / h), row % h]
      const place = { queries: 0, values: 1, keys: 2 }[kind]!
      const from = (Math.floor(head / share) * 3 + place) * share + (head % share)
      return from * h + (kind === "values" ? i : entry(i))
    }),
  )
}

const describe = (o: typeof codegenOptions.infer) => {
  const { n_embd: d, n_head: heads, rotary_dim: r } = o
  const form = reordered(rowsInFile(d, heads, r), d)
  const type = "codegen"
  return gptDecoder({
    type,
    config: {
      ...noTokenIds,
      ...o,
      architectures: ["CodeGenForCausalLM"],
      model_type: type,
      use_cache: true,
      dtype: "float32",
    },
    vocabulary: o.vocab_size,
    width: d,
    feed: o.n_inner ?? 4 * d,
    layers: o.n_layer,
    positions: o.n_positions,
    heads: { heads, kvHeads: heads, headSize: d / heads, order: "kinds" },
    rotary: { rotated: r, theta: 10000 },
    activation: geluOf(o.activation_function),
    eps: o.layer_norm_epsilon,
    std: o.initializer_range,
    parallel: true,
    tied: false,
    headBias: true,
    bare: ["attn.qkv_proj", "attn.out_proj"],
    stored: (matrix) => (matrix === "attn.qkv_proj" ? form : undefined),
    names: {
      embed: "transformer.wte",
      layers: "transformer.h.",
      norms: ["ln_1"],
      matrices: [["attn.qkv_proj"], ["attn.out_proj"], ["mlp.fc_in"], ["mlp.fc_out"]],
      norm: "transformer.ln_f",
      head: "lm_head",
    },
  })
}

const defaults = { n_embd: 4096, n_layer: 28, n_head: 16 }

/** The CodeGen family: `codegen({ vocab_size: 512, n_embd: 128, n_layer: 4, n_head: 4, rotary_dim: 16 })`. */
export const codegen = defineFamily({
  name: "codegen",
  options: codegenOptions,
  describe,
  config: {
    fields: [
      ...gptFields({ ...defaults, n_positions: 2048 }),
      ["rotary_dim", used("entries of each head that are rotated")],
      [
        "tie_word_embeddings",
        refused("the head has a bias, and is another matrix than the embedding", (value) => value === false),
      ],
      ...all(
        "rope_theta rope_scaling rope_parameters partial_rotary_factor original_max_position_embeddings",
        none("transformers' CodeGen does not read it: the base is 10000"),
      ),
    ],
    defaults: { vocab_size: 50400, ...defaults },
    nullable: ["n_inner", "tie_word_embeddings"],
    activation: { key: "activation_function", names: geluNames },
  },
  names: gptNames,
})
