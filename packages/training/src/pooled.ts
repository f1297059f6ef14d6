/**
 * Pooled states of texts: the mean over a text's tokens.
 *
 * Letters: B texts, T positions, d hidden size.
 */
import { attendsBefore, type Encoder } from "@winnow/core"
import { hasHeadBias, paddedStarts } from "@winnow/models"
import { tf } from "@winnow/tensor"

/** The hidden size without the column of a head's bias. */
export const pooledSize = ({ architecture }: Encoder): number =>
  architecture.hiddenSize - (hasHeadBias(architecture) ? 1 : 0)

/**
 * The mean over each text's tokens of the states that the vocabulary head reads, [B, d], differentiable in the parameters;
 * belongs to the caller's tidy.
 *
 * An encoder's tokens have seen all of the text, a decoder's the tokens before.
 */
export const pooledStates = (model: Encoder, texts: ReadonlyArray<Int32Array>): tf.Tensor2D =>
  tf.tidy(() => {
    const length_B = texts.map(({ length }) => length)
    const [B, T] = [texts.length, Math.max(...length_B)]
    const ids_BT = new Int32Array(B * T)
    const share_BT = new Float32Array(B * T)
    for (const [b, text] of texts.entries()) {
      ids_BT.set(text, b * T)
      share_BT.fill(1 / text.length, b * T, b * T + text.length)
    }
    const starts = attendsBefore(model.architecture) ? undefined : paddedStarts(length_B, T)
    const h_BTd = model.hidden(tf.tensor2d(ids_BT, [B, T], "int32"), starts)
    const mean_B1d = tf.matMul(tf.tensor3d(share_BT, [B, 1, T]), h_BTd)
    const mean_Bd = tf.reshape(mean_B1d, [B, h_BTd.shape[2]]) as tf.Tensor2D
    const d = pooledSize(model)
    return d === h_BTd.shape[2] ? mean_Bd : tf.slice2d(mean_Bd, [0, 0], [B, d])
  })
