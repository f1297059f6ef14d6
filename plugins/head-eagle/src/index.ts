/**
 * A layer on a frozen target that predicts its next feature from the feature before and the token between: EAGLE's head.
 *
 * Letters: d hidden size, V vocabulary.
 */
import { defineHead } from "@winnow/core"
import { engineFolder } from "./engines.ts"
import { headOf, layerFlops, layerParameters, stepCircuit, tapsCircuit } from "./layer.ts"
import { options } from "./options.ts"
import { eagleProposing } from "./propose.ts"
import { eagleRows } from "./rows.ts"
import { sizesOf } from "./sizes.ts"

/** The head; its vocabulary head is the target's own, frozen, unless EAGLE-3's has one of its own. */
export const eagle = defineHead({
  name: "eagle",
  reads: ["targetHidden", "targetLayers", "targetEmbedding", "targetHead"],
  options,
  withPrivate: (o, form) => ({ ...o, private: form }),
  make: (o, target) => {
    const { sizes, layers } = sizesOf(o, target)
    const { d, V, ownHead } = sizes
    const step = stepCircuit(sizes)
    const taps = layers && { circuit: tapsCircuit(sizes), layers }
    const { steps, decay, feature } = o
    const of = { d, step, taps, head: headOf(sizes) }
    const parameters = layerParameters(sizes)
    const numbers = parameters.values().reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
    return {
      parameters,
      ...(layers && { layers, readsLast: false }),
      entries: steps,
      trunkFlops: (T) => layerFlops(sizes, steps, T),
      rows: (values, problem, seen) => eagleRows({ ...of, steps, decay, feature }, values, problem, seen),
      trees: true,
      proposing: (values, grow) => eagleProposing({ ...of, parameters: numbers + (ownHead ? 0 : V * d) }, values, grow),
      folderFor: (engine, values) => engineFolder(engine, sizes, layers, values),
    }
  },
})
