/**
 * Phi-3 and models of its layout (Phi-3.5, Phi-4): the layers of Llama with fused matrices, a part of each head rotated, a
 * window that slides over the last positions, LongRoPE up to the length before scaling.
 *
 * @source Abdin et al. 2024, "Phi-3 Technical Report"; names and arithmetic as in `transformers`
 */
import {
  defineFamily,
  gatedActivation,
  gatedDecoder,
  gatedFields,
  gatedNames,
  gatedOptions,
  headsFit,
  headsOf,
  longRope,
  none,
  ropeReader,
  rotaryParameters,
  size,
  used,
} from "@winnow/models"
import { type } from "arktype"

/** The fields of a Phi-3 config.json that the computation depends on; defaults are those of `transformers`. */
const phi3Options = type({
  "...": gatedOptions,
  "+": "reject",
  max_position_embeddings: size.default(4096),
  /** Positions before scaling: the most that a sequence has with a `rope_scaling`. */
  original_max_position_embeddings: size.default(4096),
  rms_norm_eps: "number > 0 = 0.00001",
  rope_theta: "number > 0 = 10000",
  "rope_scaling?": longRope,
  /** The rotated fraction of each head; its number of entries is even. */
  partial_rotary_factor: "0 < number <= 1 = 1",
  /** Positions that a token reads, its own included; all if left out. */
  "sliding_window?": size,
  hidden_act: "'silu' = 'silu'",
})
  .narrow(({ rope_scaling: _, ...o }, ctx) => headsFit(o, ctx))
  .narrow((o, ctx) => {
    const rotated = Math.floor(headsOf(o).h * o.partial_rotary_factor)
    if (rotated < 2 || rotated % 2 !== 0)
      return ctx.mustBe(`such that partial_rotary_factor rotates 2 or more entries, an even number (not ${rotated})`)
    const { short_factor, long_factor } = o.rope_scaling ?? {}
    const other = [short_factor, long_factor].find((factors) => factors !== undefined && factors.length !== rotated / 2)
    return !other || ctx.mustBe(`such that rope_scaling has ${rotated / 2} factors of each kind (not ${other.length})`)
  })

export type Phi3Options = typeof phi3Options.infer

const describe = (o: Phi3Options) => {
  const { max_position_embeddings: most, original_max_position_embeddings: original } = o
  const scaling = o.rope_scaling && {
    ...o.rope_scaling,
    factor: o.rope_scaling.factor ?? most / original,
    original_max_position_embeddings: original,
  }
  const of = { ...o, rope_scaling: scaling }
  const description = gatedDecoder(of, {
    type: "phi3",
    architecture: "Phi3ForCausalLM",
    fused: true,
    rotated: o.partial_rotary_factor,
    windows: Array.from({ length: o.num_hidden_layers }, () => o.sliding_window),
    config: {
      sliding_window: o.sliding_window ?? null,
      rope_parameters: rotaryParameters(of, o.partial_rotary_factor),
    },
  })
  // beyond the length before scaling, every token of a sequence would be rotated by `long_factor`
  return { ...description, maxLength: scaling === undefined ? most : Math.min(most, original) }
}

const kinds = ["longrope", "su", "yarn"].map((name) => [name, "longrope"] as const)

/** The Phi-3 family: `phi3({ vocab_size: 512, hidden_size: 128, ... })`. */
export const phi3 = defineFamily({
  name: "phi3",
  options: phi3Options,
  describe,
  config: {
    fields: [
      ...gatedFields,
      ["sliding_window", used("positions that a token reads, its own included; null or absent: all")],
      ["attention_bias", none("transformers' Phi-3 does not read it: no matrix has a bias")],
      ["mlp_bias", none("transformers' Phi-3 does not read it: no matrix has a bias")],
    ],
    defaults: {
      vocab_size: 32064,
      hidden_size: 3072,
      num_hidden_layers: 32,
      num_attention_heads: 32,
      intermediate_size: 8192,
    },
    nullable: ["num_key_value_heads", "head_dim", "sliding_window"],
    activation: gatedActivation,
    rope: ropeReader("phi3", {
      theta: "rope_theta",
      part: { key: "partial_rotary_factor", fallback: 1 },
      kinds: new Map([["default", "default"], ...kinds]),
      original: 4096,
    }),
  },
  names: gatedNames,
})
