/**
 * A model's answers along finished texts: the probability of each token, and the most probable ones.
 *
 * Letters: N tokens of all texts, R rows of a chunk, U ids that the model can predict, k entries a row.
 */
import type { Decoder } from "@winnow/core"
import { passOptions, teacherForced } from "@winnow/decoding"
import type { Pieces } from "@winnow/generation"
import { tf } from "@winnow/tensor"
import { mostTokens } from "./constants.ts"
import { packed, type Reading } from "./document.ts"
import type { Texts } from "./texts.ts"

const defaults = passOptions.assert({})

/** Reads a model along the texts, in chunks of rows. A generator for `driven`. */
export function* readingOf(model: Decoder, { texts, from, N }: Texts): Pieces<Reading> {
  const { headIds } = model
  const k = Math.min(mostTokens, headIds?.id_U.length ?? model.architecture.vocabularySize)
  const nll_N = new Float32Array(N)
  const ids_Nk = new Uint32Array(N * k)
  const probabilities_Nk = new Float32Array(N * k)
  yield* teacherForced([model], texts, defaults, ({ logits_RV: [logits_RU], token_R, rollout_R, position_R }) => {
    const logQ_RU = tf.logSoftmax(logits_RU!) as tf.Tensor2D
    const top = tf.topk(logQ_RU, k)
    const [logTop, column] = [top.values.dataSync(), top.indices.dataSync()]
    const row_R = headIds === undefined ? token_R : token_R.map((id) => headIds.row_V[id]!)
    const at_R2 = tf.stack(
      [
        tf.range(0, token_R.length, 1, "int32"),
        tf.tensor1d(
          row_R.map((row) => Math.max(0, row)),
          "int32",
        ),
      ],
      1,
    )
    const logQ_R = tf.gatherND(logQ_RU, at_R2).dataSync()
    for (let r = 0; r < token_R.length; r++) {
      const n = from[rollout_R[r]!]! + position_R[r]!
      nll_N[n] = row_R[r]! < 0 ? Number.POSITIVE_INFINITY : -logQ_R[r]!
      for (let i = 0; i < k; i++) {
        const row = column[r * k + i]!
        ids_Nk[n * k + i] = headIds?.id_U[row] ?? row
        probabilities_Nk[n * k + i] = Math.exp(logTop[r * k + i]!)
      }
    }
  })
  return { nll: packed(nll_N), k, ids: packed(ids_Nk), probabilities: packed(probabilities_Nk) }
}
