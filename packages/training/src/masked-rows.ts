/**
 * The rows of a frozen encoder for the tokens of a batch: each token is masked once, and told from all others of its text.
 *
 * Letters: N valid tokens of a batch, B texts, T tokens, m passes, d hidden size.
 */
import { type Encoder, InvalidInput, type Masking, problemTexts } from "@winnow/core"
import type { Batch } from "@winnow/data"
import { paddedStarts } from "@winnow/models"
import { tf } from "@winnow/tensor"

/**
 * Hidden states [N, d] that answer for the gold tokens of a batch, whatever its objective reads. A batch costs `every`
 * passes over its texts, or one for each token of its longest text. They belong to the caller's tidy.
 *
 * @error InvalidInput (thrown) for a mask outside the vocabulary, and for a text that is longer than the context
 */
export const maskedRows = (
  model: Encoder,
  { gold_N, position_N, sequence_N, ...problem }: Batch,
  { maskId, every }: Masking,
): tf.Tensor2D => {
  const textOf = problemTexts({ ...problem, gold_N, position_N, sequence_N })
  const sequences = [...new Set(sequence_N)]
  const placeOf = new Map(sequences.map((sequence, b) => [sequence, b]))
  const texts = sequences.map(textOf)
  const length_B = texts.map(({ length }) => length)
  const [B, T] = [texts.length, Math.max(...length_B)]
  const { maxLength, vocabularySize: V, type } = model.architecture
  const problems = [
    ...(maskId < V ? [] : [`maskId is ${maskId}; ${type} has ids 0 to ${V - 1}`]),
    ...(T <= maxLength ? [] : [`a text has ${T} tokens, and the context of ${type} takes ${maxLength}`]),
  ]
  if (problems.length > 0) throw new InvalidInput({ what: "a reference that is asked by masks", problems })
  const m = Math.min(every, T)
  const starts = paddedStarts(length_B, T)
  return tf.tidy(() => {
    const order: Array<number> = []
    const parts: Array<tf.Tensor2D> = []
    for (let pass = 0; pass < m; pass++) {
      const asked = [...gold_N.keys()].filter((n) => position_N[n]! % m === pass)
      if (asked.length === 0) continue
      const ids_BT = new Int32Array(B * T)
      for (const [b, text] of texts.entries())
        for (const [t, id] of text.entries()) ids_BT[b * T + t] = t % m === pass ? maskId : id
      const rows = Int32Array.from(asked, (n) => placeOf.get(sequence_N[n]!)! * T + position_N[n]!)
      order.push(...asked)
      parts.push(
        tf.tidy(() => {
          const h_BTd = model.hidden(tf.tensor2d(ids_BT, [B, T], "int32"), starts)
          return tf.gather(tf.reshape(h_BTd, [B * T, -1]), tf.tensor1d(rows, "int32")) as tf.Tensor2D
        }),
      )
    }
    // row n lies at the place of n in the order of the passes
    const place_N = new Int32Array(order.length)
    for (const [at, n] of order.entries()) place_N[n] = at
    const all_Nd = parts.length === 1 ? parts[0]! : (tf.concat(parts, 0) as tf.Tensor2D)
    return tf.gather(all_Nd, tf.tensor1d(place_N, "int32")) as tf.Tensor2D
  })
}
