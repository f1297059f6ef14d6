/** A model: an architecture, its parameters, and decoding states over both. */
import {
  type Architecture,
  type Attends,
  attendsBefore,
  type Encoder,
  type HeadIds,
  headRowsOf,
  type ModelOf,
  type Parameters,
  type TargetLayer,
} from "@winnow/core"
import { type FrozenMatrix, freeOfWeights, linear, type Precision, softCap, tf, withPrecision } from "@winnow/tensor"
import { startDecoding } from "./decoding.ts"
import { decoderWeights, forPass, frozenMatrix, NativeParameters } from "./native-parameters.ts"

/** The precision of decoding: of products of the layers, or weights in 8 bits, the head's and the embedding's too. */
export type DecodingPrecision = Precision | "q8"

/**
 * An architecture with these parameters; owns the variables.
 * @param headIds the ids of the head's rows, of an architecture whose head has fewer rows than ids
 * @param precision of its decoding states; the process's (`setPrecision`) if left out
 * @error if the names or shapes are not the architecture's, or the ids are not as many as the head's rows
 */
export const makeModel = <A extends Attends>(
  architecture: Architecture<A>,
  parameters: Parameters,
  headIds?: HeadIds,
  precision?: DecodingPrecision,
): ModelOf<A> => {
  if (architecture.headRows !== headIds?.id_U.length)
    throw new Error(
      `the head of ${architecture.type} has ${architecture.headRows ?? "all"} rows, and ids for ${headIds?.id_U.length ?? "all"} are given`,
    )
  for (const [name, { shape }] of architecture.parameters) {
    const found = decoderWeights(parameters).weight(name)?.shape
    if (found?.join() !== shape.join())
      throw new Error(`parameter ${name}: found ${found ? `[${found}]` : "none"}, expected [${shape}]`)
  }
  const encoder: Encoder<A> = {
    architecture,
    parameters,
    trained: parameters,
    get head_Vd() {
      return parameters.get(architecture.head)!
    },
    get frozenHead_Vd() {
      return frozenMatrix(parameters, architecture.head)
    },
    ...(headIds && { headIds }),
    hidden: (ids_BT, start_BT) => architecture.hidden(forPass(parameters), ids_BT, undefined, start_BT),
    dispose: () => {
      const variables = parameters instanceof NativeParameters ? parameters.release() : [...parameters.values()]
      freeOfWeights(variables)
      tf.dispose([...variables])
    },
  }
  // products with weights in 8 bits have no other precision
  const products = precision === "q8" ? "float32" : precision
  const decoding = (pad_B?: Int32Array, keep?: ReadonlyArray<TargetLayer>) => {
    const start = () => startDecoding(architecture as Architecture, parameters, pad_B, keep)
    return products === undefined ? start() : withPrecision(products, start)
  }
  const model = attendsBefore(architecture) ? Object.assign(encoder, { decoding }) : encoder
  return model as ModelOf<A> // The compiler does not follow a condition on A to ModelOf.
}

/**
 * A variable that takes over the tensor that `make` returns, outside any tidy; other tensors of `make` are freed.
 *
 * TFJS keeps a tensor from a JavaScript array in JavaScript until an op first needs it: make the tensor by an op or by
 * `fillTensor`, so that the arrays of a large model are not all alive at once.
 */
export const ownVariable = (make: () => tf.Tensor): tf.Variable => tf.tidy(() => tf.variable(make()))

/** A copy with its own variables: training one does not change the other. */
export const copyModel = <A extends Attends>(model: Encoder<A>): ModelOf<A> =>
  makeModel(
    model.architecture,
    new Map(
      model.architecture.parameters
        .keys()
        .map((name) => [name, tf.tidy(() => tf.variable(tf.add(model.parameters.get(name)!, 0)))] as const),
    ),
    model.headIds,
  )

/**
 * Logits of every position and row of the head, [B, T, U]: hidden states times the head. For few sequences only, because
 * of its size.
 */
export const logitsOf = (model: Encoder, ids_BT: tf.Tensor2D): tf.Tensor3D =>
  tf.tidy(() => {
    const { hiddenSize, logitCap } = model.architecture
    const [B, T] = ids_BT.shape
    const h_Nd = tf.reshape(model.hidden(ids_BT), [B * T, hiddenSize]) as tf.Tensor2D
    return tf.reshape(softCap(linear(h_Nd, model.frozenHead_Vd), logitCap), [B, T, headRowsOf(model.architecture)])
  })

/**
 * Hidden states of a model's embedding and after each layer, as `Architecture.hiddenByLayer`; the last alone where its
 * family does not tell the others. Belongs to the caller's tidy.
 */
export const hiddenByLayer = (
  { architecture, parameters, hidden }: Encoder,
  ids_BT: tf.Tensor2D,
  start_BT?: Int32Array,
): ReadonlyArray<tf.Tensor3D> =>
  architecture.hiddenByLayer?.(forPass(parameters), ids_BT, start_BT) ?? [hidden(ids_BT, start_BT)]

/** The token embedding of a model for uses without gradient, as `Encoder.frozenHead_Vd`. */
export const frozenEmbedding = ({ architecture, parameters }: Encoder): FrozenMatrix =>
  frozenMatrix(parameters, architecture.embedding)

/**
 * The final norm of a model on rows [N, d]: hidden states [N, D].
 *
 * @param own parameters in the place of the model's, by their names
 * @error if its family does not tell the norm
 */
export const finalNorm = (
  { architecture: { finalNorm, type }, parameters }: Encoder,
  x_Nd: tf.Tensor2D,
  own?: ReadonlyMap<string, tf.Variable>,
): tf.Tensor2D => {
  if (finalNorm === undefined) throw new Error(`${type} does not tell its final norm, which a head reads`)
  return finalNorm.apply({ get: (name) => own?.get(name) ?? parameters.get(name) }, x_Nd)
}
