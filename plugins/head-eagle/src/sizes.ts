/** The sizes of the layer on a target. Letters as in layer.ts. */
import { InvalidInput, type TargetSizes } from "@winnow/core"
import type { HeadLayout } from "@winnow/models"
import type { LayerSizes } from "./layer.ts"
import type { EagleOptions } from "./options.ts"

const ascending = (layers: ReadonlyArray<number>): boolean => layers.every((layer, i) => layer > (layers[i - 1] ?? -1))

/**
 * EAGLE-3's layers of a target of L: 2, the middle, and 3 from the top. These are no three layers in order where L is below
 * 7; then 1, the middle and the last state before the final layer, and of three layers all.
 */
export const usualTaps = (L: number): ReadonlyArray<number> =>
  [
    [2, L >> 1, L - 3],
    [1, L >> 1, L - 1],
  ].find((layers) => ascending(layers)) ?? [0, 1, 2]

const layoutOf = (o: EagleOptions, { hiddenSize: d, attentionHeads }: TargetSizes): HeadLayout => {
  const heads = o.num_attention_heads ?? attentionHeads?.heads ?? 1
  const kvHeads = o.num_key_value_heads ?? (o.num_attention_heads ? heads : (attentionHeads?.kvHeads ?? heads))
  const own = o.num_attention_heads === undefined ? attentionHeads?.headSize : undefined
  return { heads, kvHeads, headSize: o.head_dim ?? own ?? d / heads, order: "kinds" }
}

/**
 * The sizes of the layer, and for EAGLE-3 the layers of the target that it reads.
 *
 * @error InvalidInput (thrown) for heads that do not fit each other, and for a target whose head has a bias
 */
export const sizesOf = (
  o: EagleOptions,
  target: TargetSizes,
): { readonly sizes: LayerSizes; readonly layers: ReadonlyArray<number> | undefined } => {
  const { hiddenSize: d, streamSize = d, vocabularySize: V, layers: L = 4, maxLength = 1 << 20 } = target
  const heads = layoutOf(o, target)
  const problems = [
    ...(streamSize === d ? [] : ["the target's vocabulary head has a bias, and EAGLE's features have none"]),
    ...(heads.heads % heads.kvHeads === 0
      ? []
      : [`num_key_value_heads ${heads.kvHeads} does not divide num_attention_heads ${heads.heads}`]),
    ...(Number.isInteger(heads.headSize) && heads.headSize % 2 === 0
      ? []
      : [`a head has ${heads.headSize} columns, expected an even number; give num_attention_heads or head_dim`]),
  ]
  if (o.form === "eagle3" && o.taps === undefined && L < 3)
    problems.push(`the target has ${L} layers, and EAGLE-3 reads the states of three; take form eagle`)
  if (problems.length > 0) throw new InvalidInput({ what: "head eagle", problems })
  return {
    sizes: {
      ...{ form: o.form, d, m: o.intermediate_size ?? 8 * Math.ceil(d / 3), V, heads },
      ...{ theta: o.rope_theta, eps: o.rms_norm_eps, std: o.initializer_range },
      ...{ maxLength, steps: Math.max(o.steps, 16) },
      ownHead: o.form === "eagle3" && (o.vocabulary ?? "own") === "own",
      ...(o.private && { private: o.private }),
    },
    layers: o.form === "eagle3" ? (o.taps ?? usualTaps(L)) : undefined,
  }
}
