/**
 * The same layers and weights with the other attention: an encoder as a decoder, or a decoder as an encoder.
 *
 * Nothing is trained for it. An encoder that was trained on masked tokens predicts a token at its own position, a decoder
 * the next one: the head of the turned model answers the question that it was trained on.
 */
import { type Architecture, type Attends, type Encoder, InvalidInput, type RowsOf, type Turned } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { makeModel, ownVariable } from "./model.ts"

const turnedOf = ({ type, family }: Architecture<Attends>): Turned => {
  const turned = family?.turned?.()
  if (turned !== undefined) return turned
  const problems = [
    `no family has the layers of ${type} with the other attention; take one that has, such as modernbert`,
  ]
  throw new InvalidInput({ what: `${type} with the other attention`, problems })
}

/** True of an architecture whose layers another family has with the other attention. */
export const canTurn = ({ family }: Architecture<Attends>): boolean => family?.turned !== undefined

/**
 * The architecture with the other attention.
 *
 * @error InvalidInput (thrown) where no family has one
 */
export const turnedArchitecture = (architecture: Architecture<Attends>): Architecture<Attends> => {
  const { family, config } = turnedOf(architecture)
  return family.fromConfig({ ...architecture.config, ...config }, "config.json")
}

/** The rows of a source. */
const rowsOf = (values: tf.Tensor, { part }: RowsOf): tf.Tensor => {
  if (part === undefined) return tf.add(values, 0)
  const rows = values.shape[0]! / part.of
  const rest = values.shape.slice(1)
  return tf.slice(values, [part.index * rows, ...rest.map(() => 0)], [rows, ...rest])
}

/**
 * A model with the same weights and the other attention, in variables of its own; the caller disposes of both.
 *
 * @error InvalidInput (thrown) as `turnedArchitecture`
 */
export const turnedModel = (model: Encoder): Encoder => {
  const { sources } = turnedOf(model.architecture)
  const architecture = turnedArchitecture(model.architecture)
  const parameters = new Map<string, tf.Variable>()
  for (const name of architecture.parameters.keys())
    parameters.set(
      name,
      ownVariable(() => {
        const parts = sources(name).map((source) => rowsOf(model.parameters.get(source.name)!, source))
        return parts.length === 1 ? parts[0]! : tf.concat(parts, 0)
      }),
    )
  return makeModel(architecture, parameters, model.headIds)
}
