/**
 * The layer of the head: its parameters and its two circuits, in EAGLE's first form and in its third. Parameters have the
 * names of the published checkpoints.
 *
 * Letters: d hidden size, m columns of the feed-forward, V vocabulary, Q query heads, G key-value heads, h head size.
 * @source Li et al., "EAGLE: Speculative Sampling Requires Rethinking Feature Uncertainty", 2024 (arXiv 2401.15077), section
 * 4.1, and "EAGLE-3", 2025 (arXiv 2503.01840), section 3.1
 */
import type { HeadParameter, PrivatePartForm } from "@winnow/core"
import { type Circuit, type CircuitInstruction, type HeadLayout, targetWeights, withPrivateFeed } from "@winnow/models"

/** Slots: the feature before a token, the token, and the results for the next feature and for the vocabulary head. */
export const slots = { feature: "x", token: "token", state: "state", taps: "taps" } as const

/** The sizes of the layer. */
export interface LayerSizes {
  readonly form: "eagle" | "eagle3"
  readonly d: number
  readonly m: number
  readonly V: number
  readonly heads: HeadLayout
  readonly theta: number
  readonly eps: number
  readonly std: number
  /** Of the target's text; chains of the training go beyond it. */
  readonly maxLength: number
  /** The layer's steps in a row beyond a text. */
  readonly steps: number
  /** eagle3: a vocabulary head of its own. */
  readonly ownHead: boolean
  /** The private feed-forward beside the layer's own; none if left out. */
  readonly private?: PrivatePartForm
}

/** The prefix of the layer's names. */
export const layerPrefix = (form: LayerSizes["form"]): string => (form === "eagle" ? "layers.0." : "midlayer.")

/** The vocabulary head: a parameter of this name, or the target's. */
export const headOf = ({ ownHead }: Pick<LayerSizes, "ownHead">): string =>
  ownHead ? "lm_head.weight" : targetWeights.head

const normal = (std: number, ...shape: ReadonlyArray<number>): HeadParameter => ({
  shape,
  init: { kind: "normal", std },
})
const ones = (size: number): HeadParameter => ({ shape: [size], init: { kind: "ones" } })

/** The parameters without a private part, by name, in the order of the computation. */
const sharedParameters = (of: LayerSizes): ReadonlyMap<string, HeadParameter> => {
  const { form, d, m, V, std, heads, ownHead } = of
  const at = layerPrefix(form)
  const first = form === "eagle"
  const [Q, G] = [heads.heads * heads.headSize, heads.kvHeads * heads.headSize]
  const wide = first ? d : 2 * d
  // the standard deviation keeps the size of the features
  const fc = first ? 2 * d : 3 * d
  return new Map<string, HeadParameter>([
    ["fc.weight", normal(1 / Math.sqrt(fc), d, fc)],
    ...(first
      ? []
      : ([
          [`${at}input_layernorm.weight`, ones(d)],
          [`${at}hidden_norm.weight`, ones(d)],
        ] as const)),
    [`${at}self_attn.q_proj.weight`, normal(std, Q, wide)],
    [`${at}self_attn.k_proj.weight`, normal(std, G, wide)],
    [`${at}self_attn.v_proj.weight`, normal(std, G, wide)],
    [`${at}self_attn.o_proj.weight`, normal(std, d, Q)],
    [`${at}post_attention_layernorm.weight`, ones(d)],
    [`${at}mlp.gate_proj.weight`, normal(std, m, d)],
    [`${at}mlp.up_proj.weight`, normal(std, m, d)],
    [`${at}mlp.down_proj.weight`, normal(std, d, m)],
    ...(first ? [] : ([["norm.weight", ones(d)]] as const)),
    ...(ownHead ? ([["lm_head.weight", { shape: [V, d], init: { kind: "target head" } }]] as const) : []),
  ])
}

/** The instructions of one step without a private part. */
const sharedInstructions = ({ form, eps }: LayerSizes): ReadonlyArray<CircuitInstruction> => {
  const at = layerPrefix(form)
  const matrix = (name: string) => ({ weight: `${name}.weight` })
  const norm = (from: string, to: string, name: string): CircuitInstruction => ({
    ...{ op: "norm", kind: "rms", from, to, eps },
    scale: `${name}.weight`,
  })
  const added = (from: string, name: string): CircuitInstruction => ({
    ...{ op: "linear", from, to: slots.feature, add: true },
    of: [matrix(`${at}${name}`)],
  })
  const queries = ["q_proj", "k_proj", "v_proj"].map((kind) => matrix(`${at}self_attn.${kind}`))
  // EAGLE joins token and feature to one stream, which its layer reads without a norm. EAGLE-3 joins them before the
  // attention alone, each after a norm, and the feature is the stream.
  const before: ReadonlyArray<CircuitInstruction> =
    form === "eagle"
      ? [
          { op: "concat", from: [slots.token, slots.feature], to: "pair" },
          { op: "linear", from: "pair", to: slots.feature, of: [matrix("fc")] },
          { op: "linear", from: slots.feature, to: "packed", of: queries },
        ]
      : [
          norm(slots.token, "token normed", `${at}input_layernorm`),
          norm(slots.feature, "feature normed", `${at}hidden_norm`),
          { op: "concat", from: ["token normed", "feature normed"], to: "pair" },
          { op: "linear", from: "pair", to: "packed", of: queries },
        ]
  return [
    ...before,
    { op: "attend", from: "packed", to: "context" },
    added("context", "self_attn.o_proj"),
    norm(slots.feature, "normed", `${at}post_attention_layernorm`),
    {
      ...{ op: "gate", from: "normed", to: "wide" },
      ...{ gate: matrix(`${at}mlp.gate_proj`), up: matrix(`${at}mlp.up_proj`) },
    },
    added("wide", "mlp.down_proj"),
    form === "eagle"
      ? { op: "concat", from: [slots.feature], to: slots.state }
      : norm(slots.feature, slots.state, "norm"),
  ]
}

/** The layer's instructions and parameters, with its private part if it has one. */
const layerOf = (of: LayerSizes) => {
  const [instructions, parameters] = [sharedInstructions(of), sharedParameters(of)]
  const found = of.private && withPrivateFeed(instructions, parameters, of.private)! // a layer has a feed-forward
  return found === undefined
    ? { instructions, parameters }
    : { instructions: found.instructions, parameters: new Map<string, HeadParameter>([...parameters, ...found.added]) }
}

/** The parameters by name, private ones last. */
export const layerParameters = (of: LayerSizes): ReadonlyMap<string, HeadParameter> => layerOf(of).parameters

/** The circuit of one step: from the feature before a token, and the token, to the feature after it. */
export const stepCircuit = (of: LayerSizes): Circuit => {
  const { d, heads, theta, maxLength, steps } = of
  return {
    inputs: new Map([[slots.feature, d]]),
    tokens: new Map([[slots.token, d]]),
    instructions: layerOf(of).instructions,
    outputs: [slots.feature, slots.state],
    attention: { heads, rotary: { rotated: heads.headSize, theta }, maxLength: maxLength + steps },
  }
}

/**
 * FLOPs of the forward pass of all steps for each token of a text, without the vocabulary head.
 *
 * @param steps of the training
 * @param T mean context length; a step also reads the keys of the steps before it
 */
export const layerFlops = (of: LayerSizes, steps: number, T: number): number => {
  const { form, heads } = of
  const size = ({ shape }: HeadParameter) => (shape.length === 2 ? shape[0]! * shape[1]! : 0)
  const matrices = [...layerParameters({ ...of, ownHead: false })]
  // EAGLE-3 runs fc once, on the states of the taps.
  const isOnce = (name: string) => form === "eagle3" && name === "fc.weight"
  const sum = (once: boolean) =>
    matrices.reduce((total, [name, one]) => total + (isOnce(name) === once ? 2 * size(one) : 0), 0)
  const attended = steps * T + (steps * (steps - 1)) / 2
  return sum(true) + steps * sum(false) + 4 * attended * heads.heads * heads.headSize
}

/** EAGLE-3's circuit from the states of three layers, side by side, to one feature. */
export const tapsCircuit = ({ d }: Pick<LayerSizes, "d">): Circuit => ({
  inputs: new Map([[slots.taps, 3 * d]]),
  instructions: [{ op: "linear", from: slots.taps, to: slots.feature, of: [{ weight: "fc.weight" }] }],
  outputs: [slots.feature],
})
