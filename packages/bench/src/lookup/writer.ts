/**
 * A target that writes the texts of a data set: its calls cost as much as a real model's, and it chooses the text's
 * tokens.
 *
 * Letters: B sequences, always 1, T tokens of a call, R rows that a call answers.
 */
import type { Decoder, QuickDecoding } from "@winnow/core"
import type { Rollout } from "@winnow/generation"

/** Greedy choices along a text. */
const along =
  (quick: QuickDecoding, length: () => number, text: Int32Array): QuickDecoding["greedy"] =>
  (ids_BT, B, rows, margins) => {
    const { argmax, margin } = quick.greedy(ids_BT, B, rows, margins)
    const first = length() - rows + 1
    // Rows past the end of the text belong to proposals that are not judged.
    for (let r = 0; r < rows; r++) argmax[r] = text[first + r] ?? argmax[r]!
    return { argmax, margin }
  }

/**
 * The model with the greedy choices of a text.
 *
 * @error Error (thrown at the begin of decoding) if decoding is not native
 */
export const writerOf = (model: Decoder, { prompt, tokens }: Pick<Rollout, "prompt" | "tokens">): Decoder => {
  const text = Int32Array.from([...prompt, ...tokens])
  return {
    ...model,
    decoding: (pad_B) => {
      const decoding = model.decoding(pad_B)
      const { quick } = decoding
      if (quick === undefined) {
        decoding.dispose()
        throw new Error("the native library is not there: a target writes texts of a data set by native decoding only")
      }
      return {
        get length() {
          return decoding.length
        },
        extend: (ids_BT) => decoding.extend(ids_BT),
        rollback: (length) => decoding.rollback(length),
        dispose: () => decoding.dispose(),
        quick: {
          greedy: along(quick, () => decoding.length, text),
          logits: (ids_BT, B, rows) => quick.logits(ids_BT, B, rows),
        },
      }
    },
  }
}
