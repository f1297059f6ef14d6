/**
 * Decoders of GPT's kin: layer norms with shifts, and a feed-forward without gate, after the attention or beside it.
 *
 * Letters: V vocabulary, d hidden size, m intermediate size, h head size, Q query heads, G key-value heads.
 */
import type { ParameterSpec, Stored } from "@winnow/core"
import type { HeadLayout } from "./head-layout.ts"
import type { Activation, Description, Instruction, Rotation } from "./instructions.ts"
import { normal, normalWithBias, ones, zeros } from "./parameters.ts"
import { headWithBias } from "./stored.ts"

/** The properties in which families of such decoders differ. */
export interface GptForm {
  /** `model_type` of config.json. */
  readonly type: string
  /** config.json as `transformers` reads it. */
  readonly config: Record<string, unknown>
  /** V, d and m. */
  readonly vocabulary: number
  readonly width: number
  readonly feed: number
  readonly layers: number
  /** Most positions of a sequence. */
  readonly positions: number
  readonly heads: HeadLayout
  /** Without it, positions are learned, or there are none. */
  readonly rotary?: Rotation
  /** Factor of the scores in a layer, numbered from 0; 1 / sqrt(h) if left out. */
  readonly scale?: (layer: number) => number
  readonly activation: Activation
  /** Epsilon of the norms. */
  readonly eps: number
  /** Standard deviation of fresh weights, and the one of weights that write to the residual stream if it differs. */
  readonly std: number
  readonly residualStd?: number
  /** The feed-forward reads the input of the attention, not its result. */
  readonly parallel: boolean
  readonly tied: boolean
  /** The head has a bias; such a head is not tied. */
  readonly headBias?: true
  /** Matrices without a bias. */
  readonly bare?: ReadonlyArray<string>
  /** The form in which files hold a layer's matrix. */
  readonly stored?: (matrix: string, shape: readonly [outputs: number, inputs: number]) => Stored | undefined
  /** Names without `.weight` and `.bias`. */
  readonly names: {
    readonly embed: string
    /** The table of learned positions. */
    readonly positions?: string
    /** The beginning of a layer's names, before its number. */
    readonly layers: string
    /** The norm before the attention, and that before the feed-forward unless both read the first. */
    readonly norms: readonly [attention: string, feed?: string]
    /**
     * A layer's matrices: queries, keys and values, fused or each alone; the attention's output; up; down. A group's
     * weights come before its biases.
     */
    readonly matrices: ReadonlyArray<ReadonlyArray<string>>
    readonly norm: string
    readonly head: string
  }
}

/** Matrices of a layer by their role. */
const rolesOf = ({ names }: GptForm) => {
  const matrices = names.matrices.flat()
  const [output, up, down] = matrices.slice(-3) as [string, string, string]
  return { queries: matrices.slice(0, -3), output, up, down }
}

/** Outputs and inputs of each matrix of a layer. */
const shapesOf = (of: GptForm): ReadonlyMap<string, readonly [outputs: number, inputs: number]> => {
  const { width: d, feed: m, heads } = of
  const { queries, output, up, down } = rolesOf(of)
  const [q, g] = [heads.heads * heads.headSize, heads.kvHeads * heads.headSize]
  const outputs = queries.length === 1 ? [q + 2 * g] : [q, g, g]
  return new Map([
    ...queries.map((name, i) => [name, [outputs[i]!, d]] as const),
    [output, [d, q]],
    [up, [m, d]],
    [down, [d, m]],
  ])
}

const parametersOf = (of: GptForm): Map<string, ParameterSpec> => {
  const { names, width: d, std, residualStd = std, bare = [] } = of
  const shapes = shapesOf(of)
  const { output, down } = rolesOf(of)
  const specs = new Map<string, ParameterSpec>()
  const norm = (name: string) => specs.set(`${name}.weight`, ones(d)).set(`${name}.bias`, zeros(d))
  specs.set(`${names.embed}.weight`, normal([of.vocabulary, d], std))
  if (names.positions !== undefined) specs.set(`${names.positions}.weight`, normal([of.positions, d], std))
  for (let l = 0; l < of.layers; l++) {
    const at = `${names.layers}${l}.`
    for (const name of names.norms) norm(at + name)
    for (const group of names.matrices) {
      for (const name of group)
        specs.set(
          `${at}${name}.weight`,
          normal(shapes.get(name)!, name === output || name === down ? residualStd : std),
        )
      for (const name of group) if (!bare.includes(name)) specs.set(`${at}${name}.bias`, zeros(shapes.get(name)![0]))
    }
  }
  norm(names.norm)
  const head = [of.vocabulary, d] as const
  if (!of.tied) specs.set(`${names.head}.weight`, of.headBias ? normalWithBias(head, std) : normal(head, std))
  return specs
}

const normOf = (name: string, eps: number) =>
  ({ kind: "layer", scale: `${name}.weight`, shift: `${name}.bias`, eps }) as const

const layerOf = (of: GptForm, l: number): ReadonlyArray<Instruction> => {
  const { names, activation, bare = [], scale } = of
  const at = `${names.layers}${l}.`
  const { queries, output, up, down } = rolesOf(of)
  const [attentionNorm, feedNorm] = names.norms.map(
    (name): Instruction => ({ op: "norm", from: "x", to: "normed", ...normOf(at + name, of.eps) }),
  ) as [Instruction, Instruction?]
  const matrix = (name: string) => ({
    weight: `${at}${name}.weight`,
    bias: bare.includes(name) ? undefined : `${at}${name}.bias`,
  })
  const attended: Instruction = { op: "linear", from: "context", to: "x", of: [matrix(output)], add: true }
  const between = feedNorm === undefined ? [attended] : of.parallel ? [feedNorm, attended] : [attended, feedNorm]
  return [
    attentionNorm,
    { op: "linear", from: "normed", to: "packed", of: queries.map(matrix) },
    { op: "attend", from: "packed", to: "context", ...(scale && { scale: scale(l) }) },
    ...between,
    { op: "linear", from: "normed", to: "wide", of: [matrix(up)], activation },
    { op: "linear", from: "wide", to: "x", of: [matrix(down)], add: true },
  ]
}

/** The stored forms of a head with a bias and of the layers' matrices. */
const storedOf = ({ names, ...of }: GptForm): ReadonlyMap<string, Stored> => {
  const forms = new Map<string, Stored>()
  if (of.headBias) forms.set(`${names.head}.weight`, headWithBias(of.vocabulary, of.width, `${names.head}.bias`))
  for (const [name, shape] of shapesOf({ names, ...of })) {
    const form = of.stored?.(name, shape)
    if (form === undefined) continue
    for (let l = 0; l < of.layers; l++) forms.set(`${names.layers}${l}.${name}.weight`, form)
  }
  return forms
}

/** The description of a decoder of such layers. */
export const gptDecoder = (of: GptForm): Description => {
  const { names, eps } = of
  const table = `${names.embed}.weight`
  return {
    type: of.type,
    attends: "before",
    config: of.config,
    vocabularySize: of.vocabulary,
    hiddenSize: of.width,
    maxLength: of.positions,
    parameters: parametersOf(of),
    stored: storedOf(of),
    heads: of.heads,
    ...(of.rotary && { rotary: of.rotary }),
    embed: { table, ...(names.positions !== undefined && { positions: `${names.positions}.weight` }) },
    layers: Array.from({ length: of.layers }, (_, l) => layerOf(of, l)),
    norm: normOf(names.norm, eps),
    head: { weight: of.tied ? table : `${names.head}.weight`, ...(of.headBias && { bias: true }) },
  }
}
