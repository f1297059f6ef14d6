/** The sizes that a draft of a target may have: some of its layers, at its widths or at a part of them. */
import { type Architecture, asDecoder, type Decoder, InvalidInput } from "@winnow/core"
import { architectureOfLayers, architectureOfWidths, initialise } from "@winnow/models"
import { layersOf, resized, type StartSpec } from "../experiment/start.ts"

/** A size, with the start that has it: all of them begin with weights of the target. */
export interface DraftSize {
  /** Such as "half-2": two layers of half the widths; "whole-2" has the target's widths. */
  readonly name: string
  readonly start: StartSpec
  readonly architecture: Architecture
}

/** Parts of the widths, and of the layers, that are proposed. */
const widthParts = [
  { name: "whole", of: 1, layers: [1 / 8, 1 / 4, 1 / 2] },
  { name: "half", of: 2, layers: [1 / 8, 1 / 4, 1 / 2] },
  { name: "quarter", of: 4, layers: [1 / 4, 1 / 2] },
] as const

/** Keys of config.json that are widths, but for the heads of keys and values. */
const widthKeys = ["hidden_size", "intermediate_size", "num_attention_heads", "n_embd", "n_inner", "n_head"]

/** The widths of a model, divided; undefined where one of them cannot be. */
const dividedWidths = (
  config: Readonly<Record<string, unknown>>,
  by: number,
): Readonly<Record<string, number>> | undefined => {
  const widths: Record<string, number> = {}
  for (const key of widthKeys) {
    const value = config[key]
    if (typeof value !== "number") continue
    if (value % by !== 0) return undefined
    widths[key] = value / by
  }
  const kv = config["num_key_value_heads"]
  if (typeof kv === "number" && kv % by === 0) widths["num_key_value_heads"] = kv / by
  return widths
}

/** Numbers of `count` of L layers, evenly spread, the first and the last among them where there are two or more. */
const spread = (count: number, L: number): ReadonlyArray<number> =>
  count === 1 ? [0] : Array.from({ length: count }, (_, i) => Math.round((i * (L - 1)) / (count - 1)))

/**
 * The sizes that a draft of this target may have, the largest first.
 *
 * @returns none for a family whose layers and widths cannot be changed
 */
export const draftSizes = (target: Architecture): ReadonlyArray<DraftSize> => {
  const L = target.layers
  const sizes: Array<DraftSize> = []
  for (const { name, of, layers } of widthParts)
    for (const count of new Set(layers.map((part) => Math.max(1, Math.round(part * L))).toReversed())) {
      if (of === 1 && count === L) continue
      const numbers = spread(count, L)
      const widths = of === 1 ? undefined : dividedWidths(target.config, of)
      if (of > 1 && widths === undefined) continue
      try {
        const part = architectureOfLayers(target, numbers)
        sizes.push({
          name: `${name}-${count}`,
          start: widths === undefined ? layersOf("target", numbers) : resized("target", widths, { layers: numbers }),
          architecture: widths === undefined ? part : architectureOfWidths(part, widths, "largest"),
        })
      } catch (error) {
        // A size that the family refuses, such as heads that cannot be halved, is no size of it.
        if (!(error instanceof InvalidInput)) throw error
      }
    }
  return sizes
}

/** A model of a size with weights of chance, which decodes as fast as any other. The caller disposes it. */
export const randomOf = ({ name, architecture }: Pick<DraftSize, "name" | "architecture">): Decoder =>
  asDecoder(initialise(architecture, 0), name)
