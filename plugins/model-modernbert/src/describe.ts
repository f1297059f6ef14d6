/**
 * The layers of ModernBERT, for both of its families: the encoder attends to all of a sequence, the decoder to the tokens
 * before. Names and arithmetic are those of `transformers`, where the two differ in names and in the windows' reach.
 *
 * Letters: V vocabulary, d hidden size, m intermediate size.
 */
import type { Attends } from "@winnow/core"
import {
  type Description,
  headWithBias,
  type Instruction,
  normal,
  normalWithBias,
  noTokenIds,
  ones,
  zeros,
} from "@winnow/models"
import { kindsOf, type ModernbertOptions } from "./options.ts"

export const EMBED = "model.embeddings.tok_embeddings.weight"
const HEAD = "decoder.weight"

/** The differences of a family's files, and of what its layers read. */
export interface Side<A extends Attends> {
  readonly attends: A
  /** `model_type` of config.json, and the class that opens it. */
  readonly type: string
  readonly architecture: string
  /** The matrices of queries, keys and values: one of all three, or one each. */
  readonly projections: ReadonlyArray<string>
  /** The module of the transformation before the head. */
  readonly head: string
  /** Positions that a token of a sliding layer reads on one side, its own included. */
  readonly window: (localAttention: number) => number
}

export const encoderSide: Side<"both"> = {
  attends: "both",
  type: "modernbert",
  architecture: "ModernBertForMaskedLM",
  projections: ["Wqkv"],
  head: "head",
  window: (local) => Math.floor(local / 2) + 1,
}

export const decoderSide: Side<"before"> = {
  attends: "before",
  type: "modernbert-decoder",
  architecture: "ModernBertDecoderForCausalLM",
  projections: ["q_proj", "k_proj", "v_proj"],
  head: "lm_head",
  window: (local) => Math.floor(local / 2),
}

/**
 * config.json as `transformers` 5 reads it; the flat rotary keys are for earlier versions.
 *
 * The decoder's class there takes no null for the ids of start, padding and classifiers, and its defaults are beyond a small
 * vocabulary: the last id stands in for them.
 */
const configOf = (o: ModernbertOptions, { type, architecture, attends }: Side<Attends>): Record<string, unknown> => ({
  ...noTokenIds,
  ...o,
  ...(attends === "before" && {
    bos_token_id: o.bos_token_id ?? o.vocab_size - 1,
    pad_token_id: o.pad_token_id ?? o.vocab_size - 1,
    cls_token_id: o.vocab_size - 1,
    sep_token_id: o.vocab_size - 1,
  }),
  architectures: [architecture],
  model_type: type,
  layer_types: kindsOf(o),
  rope_parameters: {
    full_attention: { rope_type: "default", rope_theta: o.global_rope_theta },
    sliding_attention: { rope_type: "default", rope_theta: o.local_rope_theta },
  },
  attention_dropout: 0,
  dtype: "float32",
})

/** The description of one side. */
export const describe = <A extends Attends>(o: ModernbertOptions, side: Side<A>): Description<A> => {
  const { vocab_size: V, hidden_size: d, intermediate_size: m, initializer_range: std, norm_eps: eps } = o
  const parameters = new Map<string, ReturnType<typeof normal>>()
  const norm = (name: string) => {
    parameters.set(`${name}.weight`, ones(d))
    if (o.norm_bias) parameters.set(`${name}.bias`, zeros(d))
    return { kind: "layer", scale: `${name}.weight`, shift: o.norm_bias ? `${name}.bias` : undefined, eps } as const
  }
  const matrix = (name: string, outputs: number, inputs: number, bias: boolean) => {
    parameters.set(`${name}.weight`, normal([outputs, inputs], std))
    if (bias) parameters.set(`${name}.bias`, zeros(outputs))
    return { weight: `${name}.weight`, bias: bias ? `${name}.bias` : undefined }
  }
  const table = (bias: boolean) => (bias ? normalWithBias([V, d], std) : normal([V, d], std))
  const head = o.tie_word_embeddings ? EMBED : HEAD
  parameters.set(EMBED, table(o.decoder_bias && o.tie_word_embeddings))
  const { projections } = side
  const rotated = d / o.num_attention_heads
  const layers = kindsOf(o).map((kind, l): Array<Instruction> => {
    const at = `model.layers.${l}.`
    const local = kind === "sliding_attention"
    const [from, begin] = l === 0 ? ["x", norm("model.embeddings.norm")] : ["normed", norm(`${at}attn_norm`)]
    const packed = projections.map((name) =>
      matrix(`${at}attn.${name}`, (3 * d) / projections.length, d, o.attention_bias),
    )
    return [
      { op: "norm", from: "x", to: from, ...begin },
      { op: "linear", from, to: "packed", of: packed },
      {
        op: "attend",
        from: "packed",
        to: "context",
        window: local ? side.window(o.local_attention) : undefined,
        rotary: { rotated, theta: local ? o.local_rope_theta : o.global_rope_theta },
      },
      { op: "linear", from: "context", to: "x", of: [matrix(`${at}attn.Wo`, d, d, o.attention_bias)], add: true },
      { op: "norm", from: "x", to: "normed", ...norm(`${at}mlp_norm`) },
      { op: "gate", from: "normed", to: "wide", gate: matrix(`${at}mlp.Wi`, 2 * m, d, o.mlp_bias), activation: "gelu" },
      { op: "linear", from: "wide", to: "x", of: [matrix(`${at}mlp.Wo`, d, m, o.mlp_bias)], add: true },
    ]
  })
  // The head's transformation ends the last layer.
  const dense = matrix(`${side.head}.dense`, d, d, o.classifier_bias)
  layers
    .at(-1)!
    .push(
      { op: "norm", from: "x", to: "normed", ...norm("model.final_norm") },
      { op: "linear", from: "normed", to: "x", of: [dense], activation: "gelu" },
    )
  const end = norm(`${side.head}.norm`)
  if (!o.tie_word_embeddings) parameters.set(HEAD, table(o.decoder_bias))
  return {
    type: side.type,
    attends: side.attends,
    config: configOf(o, side),
    vocabularySize: V,
    hiddenSize: d,
    maxLength: o.max_position_embeddings,
    parameters,
    stored: new Map(o.decoder_bias ? [[head, headWithBias(V, d, "decoder.bias")]] : []),
    heads: { heads: o.num_attention_heads, kvHeads: o.num_attention_heads, headSize: rotated, order: "kinds" },
    embed: { table: EMBED },
    layers,
    norm: end,
    head: { weight: head, ...(o.decoder_bias && { bias: true }) },
  }
}
