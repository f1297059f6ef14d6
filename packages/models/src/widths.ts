/**
 * A model of other widths that begins with the weights of another one.
 *
 * Letters: d units of the residual stream, m of a feed-forward, Q query heads, G key-value heads, h head size; a prime is
 * the new one.
 *
 * Wider feed-forwards and more heads consist of copies. The matrix that reads copies of a unit has its column split among
 * them in random shares of sum 1, so the sum that it computes is the old one, and copies get different gradients:
 *
 *   y_i = sum_j W_ij u_j = sum_j sum_(copies k of j) (s_k W_ij) u_j
 *
 * A wider residual stream under RMS norms has silent units: the matrices that write them are 0 there. Every other row that
 * writes the stream is multiplied by c = sqrt(d' / d), and every scale of a norm that reads it is divided by c. So the mean
 * of squares is the old one, beside the norm's epsilon too, and the norm's result is the old one:
 *
 *   c x / sqrt(sum (c x)^2 / d' + eps) g / c = x / sqrt(sum x^2 / d + eps) g
 *
 * The columns that read silent units are fresh, so gradients reach the writers. Layer norms also subtract a mean, which
 * zeros would move; there the stream consists of copies too. If d' is a multiple of d, mean and variance are the old ones;
 * else the counts of copies differ, and the function is another one. A tied head reads the table that writes the stream, so
 * the last norm takes back the table's factor, and splits copies.
 *
 * Narrower widths keep some units: the first ones, or those with the largest sum of squares of all weights that read or
 * write them. That is another function.
 */
import { type Architecture, type Attends, type Encoder, InvalidInput, type ModelOf } from "@winnow/core"
import type { tf } from "@winnow/tensor"
import { makeModel, ownVariable } from "./model.ts"
import { privateFormOf } from "./private-part.ts"
import { type Keep, unitsOf } from "./width-units.ts"
import { valuesOfWidths } from "./width-values.ts"

/** The keys of config.json that are widths; each family has some of them. */
const widthKeys = [
  ...["hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads"],
  ...["n_embd", "n_inner", "n_head"],
]

/** New values of widths, by their keys in config.json. */
export type WidthValues = Readonly<Record<string, number>>

const shown = (widths: WidthValues) =>
  Object.entries(widths)
    .map(([key, value]) => `${key} ${value}`)
    .join(", ")

/**
 * The architecture of a model of other widths; a note says whether it begins as the same function.
 *
 * @error InvalidInput (thrown) for a key that is no width of the family, for options that do not fit each other, for
 * another size of a head, and for key-value heads that change beside another number of query heads for each
 */
export const architectureOfWidths = <A extends Attends>(
  architecture: Architecture<A>,
  widths: WidthValues,
  keep: Keep,
): Architecture<A> => {
  const what = `a model with ${shown(widths) || "no other width"}`
  const { config, family } = architecture
  const fail = (problem: string) => new InvalidInput({ what, problems: [problem] })
  const known = widthKeys.filter((key) => Object.hasOwn(config, key) || (key === "n_inner" && "n_embd" in config))
  if (privateFormOf(architecture) !== undefined)
    throw fail("it has a private part, whose axes are its own; begin with the shared part")
  const unknown = Object.keys(widths).find((key) => !known.includes(key))
  if (unknown !== undefined) throw fail(`${architecture.type} has no width ${unknown}; it has ${known.join(", ")}`)
  if (Object.keys(widths).length === 0) throw fail(`name some of ${known.join(", ")}`)
  const before = architecture.widths?.()
  if (before === undefined || family === undefined || architecture.headRows !== undefined)
    throw fail(
      architecture.headRows === undefined
        ? `the family ${architecture.type} does not tell the axes of its parameters`
        : "its head predicts some ids only; begin with the model of all ids",
    )
  const made = family.fromConfig({ ...config, ...widths }, "config.json") as Architecture<Attends> as Architecture<A>
  const after = made.widths!()
  const [old, now] = [before.heads, after.heads]
  if (old.headSize !== now.headSize)
    throw fail(
      `a head would have ${now.headSize} entries, not ${old.headSize}: change the number of heads with the hidden size`,
    )
  const [r, r2] = [old.heads / old.kvHeads, now.heads / now.kvHeads]
  if (r !== r2 && old.kvHeads !== now.kvHeads)
    throw fail(
      `${now.kvHeads} key-value heads for ${now.heads} heads of queries, ${old.kvHeads} for ${old.heads} before: change the key-value heads, or the query heads of each, not both`,
    )
  return { ...made, notes: [...(architecture.notes ?? []), noteOf(what, architecture, made, keep)] }
}

const noteOf = (what: string, from: Architecture<Attends>, to: Architecture<Attends>, keep: Keep): string => {
  const narrower = [...to.parameters].some(([name, { shape }]) =>
    shape.some((size, axis) => size < from.parameters.get(name)!.shape[axis]!),
  )
  const [before, after] = [from.widths!(), to.widths!()]
  const [d, e] = [before.stream, after.stream]
  if (narrower) return `${what} begins as another function: of what is narrowed, the ${keep} units are kept`
  if (before.norms === "layer" && e % d !== 0)
    return `${what} begins as another function: its layer norms see copies in unequal numbers, as ${e} is no multiple of ${d}`
  return `${what} begins as the same function`
}

/**
 * A model of other widths with the weights of another, in variables of its own; the caller disposes of both.
 *
 * @param keep the units that narrower widths keep
 * @param seed of the shares of copies, and of fresh columns
 * @error InvalidInput (thrown) as `architectureOfWidths`
 */
export const modelOfWidths = <A extends Attends>(
  model: Encoder<A>,
  widths: WidthValues,
  keep: Keep,
  seed: number,
): ModelOf<A> => {
  const architecture = architectureOfWidths(model.architecture, widths, keep)
  const units = unitsOf(model, architecture.widths!(), keep)
  const values = valuesOfWidths(model.architecture, architecture, units, seed)
  const parameters = new Map<string, tf.Variable>()
  for (const [name, spec] of architecture.parameters)
    parameters.set(
      name,
      ownVariable(() => values(name, model.parameters.get(name)!, spec)),
    )
  return makeModel(architecture, parameters, model.headIds)
}
