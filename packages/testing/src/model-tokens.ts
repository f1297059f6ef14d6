/** Tokens for the laws of models. Letters: B sequences, T positions. */
import type { Encoder } from "@winnow/core"
import { seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"

/** Rows of tokens as a tensor [B, T]. */
export const ids = (rows: ReadonlyArray<ReadonlyArray<number>>): tf.Tensor2D =>
  tf.tensor2d(rows as Array<Array<number>>, [rows.length, rows[0]!.length], "int32")

/** Random tokens of a model. */
export const draw = (model: Encoder, n: number, seed: number): ReadonlyArray<number> => {
  const rng = seeded(seed, "check model")
  return Array.from({ length: n }, () => rng.below(model.architecture.vocabularySize))
}
