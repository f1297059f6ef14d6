/**
 * The options of GPT's kin with rotated heads and the common names for sizes (GPT-NeoX, Phi), and how their folders are
 * read; a family adds its own.
 */
import { type Traversal, type } from "arktype"
import { type Field, refused, rotaryFields, sizeFields, used } from "./config-fields.ts"
import { type RopeScaling, ropeScaling, scalingFits } from "./rope-scaling.ts"
import { layerCount, size } from "./sizes.ts"
import { tokenIds } from "./token-ids.ts"

/** The fields of config.json that all of them read; defaults are those of `transformers`. */
export const gptRotaryOptions = type({
  "...": tokenIds,
  vocab_size: size,
  hidden_size: size,
  num_hidden_layers: layerCount,
  num_attention_heads: size,
  /** 4 x hidden_size if left out. A config.json that lacks it means the default of `transformers`. */
  "intermediate_size?": size,
  max_position_embeddings: size.default(2048),
  rope_theta: "number > 0 = 10000",
  "rope_scaling?": ropeScaling,
  layer_norm_eps: "number > 0 = 0.00001",
  initializer_range: "number > 0 = 0.02",
})

type Options = typeof gptRotaryOptions.infer

/** The entries of a head, the entries that set the frequencies, and the rotated entries, an even number. */
export const partOfHead = (o: Pick<Options, "hidden_size" | "num_attention_heads">, share: number) => {
  const headSize = o.hidden_size / o.num_attention_heads
  const exponents = Math.floor(headSize * share)
  return { headSize, exponents, rotated: 2 * Math.ceil(exponents / 2) }
}

/** True of options whose heads fit and can be rotated: the condition of a family with this name for the rotated share. */
export const rotaryPartFits =
  <K extends string>(key: K) =>
  (o: Options & Readonly<Record<K, number>>, ctx: Traversal): boolean => {
    if (o.hidden_size % o.num_attention_heads !== 0)
      return ctx.mustBe(`such that num_attention_heads ${o.num_attention_heads} divides hidden_size ${o.hidden_size}`)
    const { headSize, exponents, rotated } = partOfHead(o, o[key])
    if (rotated < 2 || rotated > headSize)
      return ctx.mustBe(
        `such that ${key} rotates 2 or more entries of a head of ${headSize} in pairs (not ${exponents})`,
      )
    return (
      scalingFits(o.rope_scaling, exponents) ||
      ctx.mustBe(`such that rope_scaling has an even number of entries above 2 to scale (not ${exponents})`)
    )
  }

/** `rope_parameters` of config.json. */
export const rotaryParameters = (
  o: { readonly rope_theta: number; readonly rope_scaling?: RopeScaling | undefined },
  share: number,
) => ({
  rope_type: "default",
  ...o.rope_scaling,
  rope_theta: o.rope_theta,
  partial_rotary_factor: share,
})

/** The part of the fields of config.json that all of them have, of a family with these defaults. */
export const gptRotaryFields = (
  defaults: Readonly<Record<"hidden_size" | "num_attention_heads", number>>,
): ReadonlyArray<readonly [string, Field]> => [
  ...sizeFields,
  ...rotaryFields,
  ["layer_norm_eps", used("epsilon of the layer norms")],
  [
    "head_dim",
    refused(
      "transformers makes rotary frequencies of it, but a head has hidden_size / num_attention_heads entries here",
      (value, { hidden_size = defaults.hidden_size, num_attention_heads = defaults.num_attention_heads }) =>
        value === 0 || value === Math.floor(Number(hidden_size) / Number(num_attention_heads)),
    ),
  ],
]
