/** A model of some layers of another model: its embedding, those layers, renumbered, its final norm and its head. */
import {
  type Architecture,
  type Attends,
  type Decoder,
  type Encoder,
  InvalidInput,
  type ModelOf,
  type Parameters,
} from "@winnow/core"
import { tf } from "@winnow/tensor"
import { makeModel, ownVariable } from "./model.ts"
import { decoderWeights, parametersOf } from "./native-parameters.ts"

/** The keys of config.json for the number of layers; each family has one of them. */
const countKeys = ["num_hidden_layers", "n_layer"]

/** The name of a layer's parameter: its first segment that is a number is the number of the layer. */
const layerName = /^(.*?\.)(\d+)(\..*)$/

/**
 * The architecture of a model of some layers of another.
 *
 * @param layers numbers of layers of `architecture`, from 0; a number may occur twice
 * @error InvalidInput (thrown) for a layer that does not exist, and for an empty list
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
  // attention is the same with another number of layers
  return architecture.family.fromConfig(config, "config.json") as Architecture<Attends> as Architecture<A>
}

/** The name in the whole model of a parameter of the part. */
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
  return makeModel(architecture, parameters, model.headIds)
}

/**
 * The model of the first layers of another, with its variables: nothing is copied. It lives no longer than the whole, which
 * must not be trained meanwhile; disposing of it frees nothing.
 *
 * @param architecture `architectureOfLayers` of the first layers
 * @param own parameters in the place of the whole's, by their names
 */
export const sharedLayers = (whole: Decoder, architecture: Architecture, own?: Parameters): Decoder => {
  const { weight } = decoderWeights(whole.parameters)
  const weights = new Map(
    Array.from(architecture.parameters.keys(), (name) => [name, own?.get(name) ?? weight(name)!] as const),
  )
  return Object.assign(makeModel(architecture, parametersOf(weights), whole.headIds), { dispose: () => {} })
}
