/**
 * ModernBERT, an encoder: attention to all of a sequence in some layers and to neighbours in the others, each kind with a
 * rotary embedding of its own, a feed-forward with a GELU gate, no biases, a head with a transformation before it. Its
 * decoder is the same with attention to the tokens before.
 *
 * @source Warner et al. 2024, "Smarter, Better, Faster, Longer"; Weller et al. 2025, "Seq vs Seq", arXiv 2507.11412, for
 * the decoder; names and arithmetic as in `transformers`
 */
import type { FileNames, RowsOf, Turned } from "@winnow/core"
import { commonBuffers, defineFamily } from "@winnow/models"
import { configKeys } from "./config-keys.ts"
import { decoderSide, describe, EMBED, encoderSide, type Side } from "./describe.ts"
import { modernbertOptions } from "./options.ts"

const namesOf = ({ head }: Pick<Side<"both" | "before">, "head">): FileNames => ({
  trunk: "model.",
  anchor: "layers.0.mlp_norm.weight",
  layer: /^layers\.(\d+)\./,
  base: /^(layers|embeddings|final_norm)\./,
  outside: new RegExp(`^${head}\\.`),
  embed: EMBED,
  heads: ["decoder"],
  buffers: commonBuffers,
})

const { projections } = decoderSide
const ownHead = (name: string, from: string, to: string) =>
  name.startsWith(`${from}.`) ? to + name.slice(from.length) : name

/** The rows of an encoder's parameter that are a decoder's. */
const rowsOfEncoder = (name: string): ReadonlyArray<RowsOf> => {
  const index = projections.findIndex((projection) => name.includes(`.attn.${projection}.`))
  if (index < 0) return [{ name: ownHead(name, decoderSide.head, encoderSide.head) }]
  return [{ name: name.replace(projections[index]!, "Wqkv"), part: { index, of: projections.length } }]
}

/** The decoder's parameters whose rows are an encoder's. */
const rowsOfDecoder = (name: string): ReadonlyArray<RowsOf> =>
  name.includes(".attn.Wqkv.")
    ? projections.map((projection) => ({ name: name.replace("Wqkv", projection) }))
    : [{ name: ownHead(name, encoderSide.head, decoderSide.head) }]

const configOfSide = ({ type, architecture }: Side<"both" | "before">) => ({
  model_type: type,
  architectures: [architecture],
})

/** The ModernBERT family: `modernbert({ vocab_size: 512, hidden_size: 128, intermediate_size: 192, ... })`. */
export const modernbert = defineFamily({
  name: "modernbert",
  options: modernbertOptions,
  describe: (options) => describe(options, encoderSide),
  config: configKeys("modernbert"),
  names: namesOf(encoderSide),
  turned: (): Turned => ({ family: modernbertDecoder, config: configOfSide(decoderSide), sources: rowsOfEncoder }),
})

/**
 * ModernBERT's decoder, with the same options.
 *
 * A token of a sliding layer reads local_attention / 2 positions, its own included: one fewer than the encoder's on that
 * side, as in `transformers`.
 */
export const modernbertDecoder = defineFamily({
  name: "modernbert-decoder",
  options: modernbertOptions,
  describe: (options) => describe(options, decoderSide),
  config: configKeys("modernbert-decoder"),
  names: namesOf(decoderSide),
  turned: (): Turned => ({ family: modernbert, config: configOfSide(encoderSide), sources: rowsOfDecoder }),
})
