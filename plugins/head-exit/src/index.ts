/**
 * Early exit of a frozen target: its first layers, then its own final norm and vocabulary head.
 *
 * Letters: N rows, E layers before the exit, D hidden size of the target, d columns between its layers, r rank.
 * @source Elhoushi et al., "LayerSkip: Enabling Early Exit Inference and Self-Speculative Decoding", 2024 (arXiv
 * 2404.16710), section 3: drafts by the first E layers. LayerSkip trains the target for it; this head leaves it frozen
 */
import { defineHead, type HeadParameter, InvalidInput, type Parameters } from "@winnow/core"
import { linear, tf } from "@winnow/tensor"
import { type } from "arktype"
import { adapter, exitProposing } from "./propose.ts"

/** Parameters of the head that stand for those of the final norm: its scale and, if it has one, its shift. */
const normNames = ["norm.scale", "norm.shift"] as const

/** The rows' hidden states with the low-rank matrix added: h + (h A^T) B^T. */
const turned = (parameters: Parameters, h_ND: tf.Tensor2D): tf.Tensor2D => {
  const matrix = (name: string) => parameters.get(name) as unknown as tf.Tensor2D
  return tf.add(h_ND, linear(linear(h_ND, matrix(adapter.down)), matrix(adapter.up)))
}

/** The head; without `norm` and `rank` it has no parameters, and is the target's own guess after E layers. */
export const exit = defineHead({
  name: "exit",
  reads: ["targetLayers", "targetNorm", "targetHead"],
  options: type({
    "+": "reject",
    // E: the layers that a draft runs. Left out: half of the target's, at least one.
    "layers?": "number.integer >= 1",
    // Trains a copy of the final norm: early states have another size and centre.
    norm: "boolean = false",
    // Trains a matrix of this rank after the norm; 0: none.
    rank: "number.integer >= 0 = 0",
  }),
  make: ({ layers, norm, rank }, target) => {
    const { hiddenSize: D, streamSize: d = D, layers: L = 2, finalNorm } = target
    const E = layers ?? Math.max(1, Math.floor(L / 2))
    if (E >= L)
      throw new InvalidInput({
        what: "head exit",
        problems: [`layers is ${E}, and the target has ${L}; leave at least the last one out`],
      })
    const ofNorm = norm ? (finalNorm?.parameters ?? []) : []
    const own = new Map<string, HeadParameter>(
      ofNorm.map((name, i) => [normNames[i]!, { shape: [d], init: { kind: "target parameter", name } }]),
    )
    if (rank > 0) {
      own.set(adapter.down, { shape: [rank, D], init: { kind: "normal", std: 1 / Math.sqrt(D) } })
      own.set(adapter.up, { shape: [D, rank], init: { kind: "zeros" } })
    }
    /** The trained norm by the names of the target's. */
    const normOf = (parameters: Parameters): Parameters =>
      new Map(ofNorm.map((name, i) => [name, parameters.get(normNames[i]!)!]))
    return {
      parameters: own,
      layers: [E],
      rows: (parameters, { row_N }, { targetLayers, targetNorm, targetHead }) => {
        const x_Nd = tf.gather(tf.reshape(targetLayers.get(E)!, [-1, d]), tf.tensor1d(row_N, "int32")) as tf.Tensor2D
        const h_ND = targetNorm(x_Nd, normOf(parameters))
        return [{ h_Md: rank === 0 ? h_ND : turned(parameters, h_ND), head_Vd: targetHead }]
      },
      trees: true,
      proposing: (values, grow) => exitProposing({ layers: E, rank, own: normOf }, values, grow),
    }
  },
})
