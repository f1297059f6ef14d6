/** The parts of a model that its parameters belong to. */
import type { Attends, ModelPart } from "@winnow/core"
import { type Description, matricesOf } from "./instructions.ts"

/**
 * The part of each parameter: matrices that write the input of `attend` or read its result belong to the attention, with
 * their biases; all other parameters of a layer belong to the feed-forward. A parameter that no instruction names is not in
 * the map.
 */
export const partsOf = (of: Description<Attends>): ReadonlyMap<string, ModelPart> => {
  const parts = new Map<string, ModelPart>()
  const put = (part: ModelPart, ...names: ReadonlyArray<string | undefined>) => {
    for (const name of names) if (name !== undefined && !parts.has(name)) parts.set(name, part)
  }
  put("embedding", of.embed.table, of.embed.positions)
  put("head", of.head.weight)
  put("norms", of.norm.scale, of.norm.shift)
  for (const layer of of.layers) {
    const attends = layer.filter(({ op }) => op === "attend")
    for (const i of layer) {
      if (i.op === "norm") put("norms", i.scale, i.shift)
      if (i.op === "headNorm") put("norms", i.queries, i.keys)
      if (i.op === "weigh") put("feed-forward", i.by, i.against)
      const ofAttention = attends.some(({ from, to }) => i.to === from || i.from === to)
      for (const { weight, bias } of matricesOf(i)) put(ofAttention ? "attention" : "feed-forward", weight, bias)
    }
  }
  return parts
}
