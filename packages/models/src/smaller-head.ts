/**
 * Models whose head predicts some of the ids only: the target's most frequent ones. The model reads every id.
 *
 * Letters: V ids, U rows of the head, d hidden size.
 */
import { type Architecture, type Attends, type Encoder, headIds, InvalidInput, type ModelOf } from "@winnow/core"
import { tf } from "@winnow/tensor"
import type { Description } from "./instructions.ts"
import { makeModel, ownVariable } from "./model.ts"
import { excerpt } from "./shown.ts"
import { headWithBias } from "./stored.ts"

/** The key of config.json for U, as EAGLE-3 and speculators have it. */
export const headRowsKey = "draft_vocab_size"

/** The rows of the head that a config.json asks for; undefined if each id has one. */
export const headRowsOfConfig = (config: Readonly<Record<string, unknown>>, V: number): number | string | undefined => {
  const rows = config[headRowsKey]
  if (rows === undefined || rows === null || rows === V) return undefined
  if (typeof rows === "number" && Number.isInteger(rows) && rows >= 1 && rows < V) return rows
  return `${headRowsKey} ${excerpt(rows)} must be a whole number from 1 to vocab_size ${V}`
}

/** The same layers with a head of fewer rows. @error Error for a head that is the embedding, whose rows are V */
export const withHeadRows = <A extends Attends>(of: Description<A>, rows: number): Description<A> => {
  const { weight } = of.head
  if (weight === of.embed.table) throw new Error(`${weight} is the embedding as well, so it has a row for each id`)
  const spec = of.parameters.get(weight)!
  const form = of.stored?.get(weight)
  const [bias] = form?.rest?.keys() ?? []
  return {
    ...of,
    config: { ...of.config, [headRowsKey]: rows },
    headRows: rows,
    parameters: new Map(of.parameters).set(weight, { ...spec, shape: spec.shape.with(0, rows) }),
    ...(of.stored &&
      bias !== undefined && { stored: new Map(of.stored).set(weight, headWithBias(rows, of.hiddenSize, bias)) }),
  }
}

/**
 * The architecture of a model with a head of `rows` rows, which is then no longer the embedding.
 *
 * @error InvalidInput (thrown) for a number that is not below V, and for a model whose head is smaller already
 */
export const architectureOfIds = <A extends Attends>(architecture: Architecture<A>, rows: number): Architecture<A> => {
  const { vocabularySize: V, headRows, family, config, type } = architecture
  const refuse = (problem: string) => new InvalidInput({ what: `a vocabulary of ${rows} ids`, problems: [problem] })
  if (headRows !== undefined)
    throw refuse(`the model predicts ${headRows} of its ${V} ids already; begin with the whole`)
  if (!(Number.isInteger(rows) && rows >= 1 && rows < V))
    throw refuse(`the model has ${V} ids; expected a whole number from 1 to ${V - 1}, or no vocabulary of its own`)
  if (family === undefined) throw refuse(`${type} is of no family that reads a config.json`)
  const smaller = { ...config, tie_word_embeddings: false, [headRowsKey]: rows }
  // attention is the same with another head
  return family.fromConfig(smaller, "config.json") as Architecture<Attends> as Architecture<A>
}

/**
 * A model with the rows of these ids as its head, in variables of its own; the caller disposes of both.
 *
 * @param id_U increasing ids
 * @error InvalidInput (thrown) as `architectureOfIds`, and for ids that do not increase
 */
export const modelOfIds = <A extends Attends>(model: Encoder<A>, id_U: Int32Array): ModelOf<A> => {
  const architecture = architectureOfIds(model.architecture, id_U.length)
  const ids = headIds(id_U, architecture.vocabularySize)
  const values = (name: string, shape: ReadonlyArray<number>): tf.Tensor => {
    if (name === architecture.head) return tf.gather(model.head_Vd, tf.tensor1d(id_U, "int32"))
    const whole = model.parameters.get(name)!
    // the embedding of a tied head with a bias has a column for it, which the new head took along
    return whole.shape.join() === shape.join() ? tf.add(whole, 0) : tf.slice(whole, [0, 0], shape as [number, number])
  }
  const parameters = new Map(
    architecture.parameters.entries().map(([name, { shape }]) => [name, ownVariable(() => values(name, shape))]),
  )
  return makeModel(architecture, parameters, ids)
}
