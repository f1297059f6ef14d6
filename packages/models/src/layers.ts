/** A model of some layers of another: its embedding, its final norm and its head with those layers, renumbered. */
import { type Architecture, type Attends, type Encoder, InvalidInput, type ModelOf } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { makeModel, ownVariable } from "./model.ts"

/** Keys of config.json that hold the number of layers, whichever the family has. */
const countKeys = ["num_hidden_layers", "n_layer"]

/** A parameter of a layer: the first segment of its name that is a number is the layer's. */
const layerName = /^(.*?\.)(\d+)(\..*)$/

/**
 * The architecture of a model of some layers of another.
 *
 * @param layers numbers of layers of `architecture`, the first is 0; one may stand twice
 * @error InvalidInput (thrown) for a layer that does not exist, and for none
 */
export const architectureOfLayers = <A extends Attends>(
  architecture: Architecture<A>,
  layers: ReadonlyArray<number>,
): Architecture<A> => {
  const what = `layers ${layers.join(", ")} of a model`
  const missing = layers.filter((layer) => !(Number.isInteger(layer) && layer >= 0 && layer < architecture.layers))
  if (layers.length === 0 || missing.length > 0) {
    const found = layers.length === 0 ? "none is named" : `there is no layer ${missing.join(", ")}`
    const problems = [`${found}; the model has ${architecture.layers}, name some of 0 to ${architecture.layers - 1}`]
    throw new InvalidInput({ what, problems })
  }
  const key = countKeys.find((name) => Object.hasOwn(architecture.config, name))
  if (key === undefined || architecture.family === undefined) {
    const problems = [`its config.json has none of ${countKeys.join(", ")}; the number of layers cannot be changed`]
    throw new InvalidInput({ what, problems })
  }
  const kinds = architecture.config["layer_types"]
  const config = {
    ...architecture.config,
    [key]: layers.length,
    ...(Array.isArray(kinds) && { layer_types: layers.map((layer): unknown => kinds[layer]) }),
  }
  // another number of layers attends as before
  return architecture.family.fromConfig(config, "config.json") as Architecture<Attends> as Architecture<A>
}

/** The parameter of the whole model that a parameter of the part is. */
const wholeName = (name: string, layers: ReadonlyArray<number>): string =>
  name.replace(
    layerName,
    (_, before: string, layer: string, after: string) => `${before}${layers[Number(layer)]}${after}`,
  )

/**
 * A model of some layers of another, in variables of its own; the caller disposes of both.
 *
 * @error InvalidInput (thrown) as `architectureOfLayers`
 */
export const modelOfLayers = <A extends Attends>(model: Encoder<A>, layers: ReadonlyArray<number>): ModelOf<A> => {
  const architecture = architectureOfLayers(model.architecture, layers)
  const parameters = new Map<string, tf.Variable>()
  for (const name of architecture.parameters.keys()) {
    const whole = model.parameters.get(wholeName(name, layers))!
    parameters.set(
      name,
      ownVariable(() => tf.add(whole, 0)),
    )
  }
  return makeModel(architecture, parameters)
}
