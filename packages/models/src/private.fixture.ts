/** Models with a private part for tests. */
import type { Architecture, Decoder, Encoder } from "@winnow/core"
import { llama } from "@winnow/model-llama"
import { normals, seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import { initialise } from "./initialise.ts"
import { logitsOf } from "./model.ts"
import type { PrivateModel } from "./private-model.ts"
import type { PrivateForm } from "./private-part.ts"

/** Size of the vocabulary. */
export const V = 23

/** Options of a small model with the names of Llama's config.json. */
export const sizes = {
  vocab_size: V,
  hidden_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 20,
  max_position_embeddings: 32,
  initializer_range: 0.3,
}

/** The instance of a family, at once. */
export const of = <A>(instance: Effect.Effect<A, unknown>): A => Effect.runSync(instance as Effect.Effect<A>)

export const llamaSizes: Architecture = of(llama({ ...sizes, num_key_value_heads: 1 }).instance)

export const gates: ReadonlyArray<PrivateForm> = [
  { size: 5, gate: "joint" },
  { size: 5, gate: "none" },
]

/** The ids of two texts. */
export const tokens: ReadonlyArray<ReadonlyArray<number>> = [
  [3, 1, 4, 1, 5, 9, 2],
  [6, 5, 3, 5, 8, 9, 7],
]

/** Two texts, [2, 7]. */
export const input = (): tf.Tensor2D => tf.tensor2d(tokens.flat(), [2, 7], "int32")

/** Logits of these texts. */
export const logits = (model: Encoder): Float32Array =>
  tf.tidy(() => logitsOf(model, input()).dataSync().slice() as Float32Array)

/** A shared model whose vectors are no zeros or ones either. */
export const shared = (architecture: Architecture, seed = 1): Decoder => {
  const model = initialise(architecture, seed)
  for (const [name, value] of model.parameters)
    tf.tidy(() => value.assign(tf.add(value, tf.tensor(normals(value.size, 0.1, seeded(seed, name)), value.shape))))
  return model
}
/** Gives every private variable values that are no zeros. */
export const stir = ({ trained }: PrivateModel, seed: number): void => {
  for (const [name, variable] of trained)
    tf.tidy(() => variable.assign(tf.tensor(normals(variable.size, 0.4, seeded(seed, name)), variable.shape)))
}

/** The furthest that two arrays are apart. */
export const furthest = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0)
