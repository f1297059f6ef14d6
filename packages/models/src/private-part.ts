/**
 * A private feed-forward beside the shared one of each layer, behind a gate (EDA). With the shared part frozen, one draft
 * serves several targets, with a small private part for each.
 *
 *   FFN(h) = 2 (g_s U_s a_s(h) + g_p U_p a_p(h)) + b_s,   [g_s, g_p] = softmax([h . w_s, h . w_p])
 *
 * a(h) is what the second matrix of a feed-forward reads. The paper has no factor 2: there a gate that favours no side
 * halves the shared part, so that a draft without any training of its private part is a worse one. The factor belongs to
 * the two output matrices. With U_p = 0 and w_s = w_p = 0 both gates are one half, 2 g_s is exactly 1, and the model is the
 * shared one, bit by bit. Both vectors get gradients from the first step on, since w_s and w_p move the factor of U_s a_s(h);
 * so does U_p; the matrices before U_p follow from the second step on.
 *
 * Without a gate ("none") FFN(h) = U_s a_s(h) + U_p a_p(h) + b_s: the released code of EDA computes this, as its gates are
 * softmaxes over groups of one, which are constant 1 and never get a gradient.
 *
 * Letters: h input of the feed-forward, d its size, m columns of the private part.
 * @source arXiv 2603.09527, section 3; own: the factor, and the bias outside of the gate
 */
import { type Architecture, type Attends, InvalidInput } from "@winnow/core"
import { type } from "arktype"
import type { CircuitInstruction } from "./circuit.ts"
import { type Description, type Instruction, matricesOf } from "./instructions.ts"
import { excerpt, isRecord } from "./shown.ts"

const fields = {
  "+": "reject",
  // Columns of the private feed-forward of each layer, m.
  size: "number.integer >= 1",
  // "joint": the softmax over both; "none": a sum, which merges into a wider feed-forward.
  gate: "'joint' | 'none' = 'joint'",
} as const

/** A private feed-forward in each layer. */
export const privateOptions = type({ ...fields, kind: "'private'" })
export type PrivateOptions = typeof privateOptions.infer

/** The columns and the gate of a private part. */
export type PrivateForm = Pick<PrivateOptions, "size" | "gate">

/** The key of config.json: `{ "size": 32, "gate": "joint" }`. */
export const privateKey = "private_feed_forward"

const ofConfig = type({
  ...fields,
  // Of a folder with a private part alone: where the shared part is, and the sum of its first rows.
  "shared?": { "+": "reject", path: "string >= 1", rows: "string" },
})

/** The private part that a config.json names, as its folder has it. */
export type PrivateConfig = typeof ofConfig.infer

/** The private part of a config.json; undefined for a model without one, a text for a faulty entry. */
export const privateOfConfig = (config: Readonly<Record<string, unknown>>): PrivateConfig | string | undefined => {
  const value = config[privateKey]
  if (value === undefined || value === null) return undefined
  const read = ofConfig(value)
  return read instanceof type.errors ? `${privateKey} ${excerpt(value)}: ${read[0]!.message}` : read
}

/** The private part that an architecture has; undefined for none. */
export const privateFormOf = ({ config }: Pick<Architecture<Attends>, "config">): PrivateForm | undefined => {
  const found = privateOfConfig(config)
  return isRecord(found) ? { size: found.size, gate: found.gate } : undefined
}

/** The segment of names that tells private parameters from shared ones. */
const segment = ".private."

/** True of the name of a private parameter. */
export const isPrivate = (name: string): boolean => name.includes(segment)

/** The instructions of a layer's feed-forward: what its second matrix reads, and that matrix. */
const feedForwardOf = (layer: ReadonlyArray<CircuitInstruction>) => {
  for (const [at, down] of [...layer.entries()].toReversed()) {
    if (down.op !== "linear" || down.of.length !== 1) continue
    const before = layer.slice(0, at).findLastIndex(({ to }) => to === down.from)
    const up = layer[before]
    if (up?.op === "gate" || (up?.op === "linear" && up.activation !== undefined)) return { at, before, up, down }
  }
  return undefined
}

/** A parameter by its shape and first values, of a model or of a head. */
interface Spec {
  readonly shape: ReadonlyArray<number>
  readonly init: unknown
}

/**
 * Instructions with a private feed-forward beside their last one, and its parameters; undefined for a list without a
 * feed-forward of two matrices.
 *
 * @param parameters those that the instructions read
 */
export const withPrivateFeed = <I extends CircuitInstruction, S extends Spec>(
  layer: ReadonlyArray<I>,
  parameters: ReadonlyMap<string, S>,
  { size: m, gate }: PrivateForm,
):
  | {
      readonly instructions: ReadonlyArray<I | Instruction>
      readonly added: ReadonlyMap<string, S | (Spec & { readonly init: { readonly kind: "zeros" } })>
    }
  | undefined => {
  const found = feedForwardOf(layer)
  if (found === undefined) return undefined
  const { at, before, up, down } = found
  const added = new Map<string, S | (Spec & { readonly init: { readonly kind: "zeros" } })>()
  const path = down.of[0]!.weight.replace(/[^.]+\.weight$/, "").replace(/\.$/, "")
  const add = (leaf: string, shape: ReadonlyArray<number>, like?: S) => {
    const name = `${path}${segment}${leaf}`
    added.set(name, like ? { ...like, shape } : { shape, init: { kind: "zeros" } })
    return name
  }
  const shared = parameters.get(matricesOf(up)[0]!.weight)!
  const d = shared.shape[1]!
  const columns = (leaf: string) => ({ weight: add(`${leaf}.weight`, [m, d], shared) })
  const place = { from: up.from, to: "private", activation: up.activation } as const
  const wide: Instruction =
    up.op === "gate"
      ? { ...place, op: "gate", gate: columns("gate"), up: columns("up") }
      : { ...place, op: "linear", of: [columns("up")], activation: up.activation! }
  const out = parameters.get(down.of[0]!.weight)!.shape[0]!
  const joined: Instruction = {
    op: "linear",
    from: "private",
    to: down.to,
    of: [{ weight: add("down.weight", [out, m]) }],
    add: true,
  }
  const weighed = (): ReadonlyArray<Instruction> => {
    const [ours, theirs] = ["shared", "own"].map((side) => add(`weigh_${side}`, [d]))
    return [
      { op: "weigh", from: up.from, to: up.to, by: ours!, against: theirs! },
      { op: "weigh", from: up.from, to: "private", by: theirs!, against: ours! },
    ]
  }
  const instructions = [
    ...layer.slice(0, before + 1),
    wide,
    ...(gate === "joint" ? weighed() : []),
    ...layer.slice(before + 1, at + 1),
    joined,
    ...layer.slice(at + 1),
  ]
  return { instructions, added }
}

/** The description with a private feed-forward in each layer. @error InvalidInput (thrown) for a layer without feed-forward */
export const withPrivatePart = <A extends Attends>(of: Description<A>, form: PrivateForm): Description<A> => {
  const parameters = new Map(of.parameters)
  const layers = of.layers.map((layer, l) => {
    const found = withPrivateFeed(layer, of.parameters, form)
    if (found === undefined) {
      const problems = [`layer ${l} of ${of.type} has no feed-forward of two matrices to put a private one beside`]
      throw new InvalidInput({ what: "a private part", problems })
    }
    for (const [name, spec] of found.added) parameters.set(name, spec)
    return found.instructions
  })
  const { size, gate } = form
  return { ...of, config: { ...of.config, [privateKey]: { size, gate } }, parameters, layers }
}

/** The config.json of the model without its private part. */
export const sharedConfig = (config: Readonly<Record<string, unknown>>): Record<string, unknown> => {
  const { [privateKey]: _, ...shared } = config
  return shared
}

/**
 * The architecture with a private feed-forward in each layer; itself if it has that one already.
 *
 * @error InvalidInput (thrown) for one with another private part, and one without a family
 */
export const privateArchitecture = <A extends Attends>(
  architecture: Architecture<A>,
  { size, gate }: PrivateForm,
): Architecture<A> => {
  const { family, config, type } = architecture
  const fail = (problem: string) => new InvalidInput({ what: "a private part", problems: [problem] })
  const there = privateFormOf(architecture)
  if (there !== undefined) {
    if (there.size === size && there.gate === gate) return architecture
    throw fail(
      `the model has one of size ${there.size} and gate ${there.gate}, and size ${size} and gate ${gate} were asked for: train it further with its own settings, or begin with the shared part`,
    )
  }
  if (family === undefined) throw fail(`${type} is of no family that reads a config.json`)
  // attention is the same with another feed-forward
  return family.fromConfig(
    { ...config, [privateKey]: { size, gate } },
    "config.json",
  ) as Architecture<Attends> as Architecture<A>
}
