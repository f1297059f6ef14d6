/**
 * A judge of tokens by an encoder: each token is masked once, with every `every`-th other, and scored from the rest.
 *
 * Letters: T tokens of a text, m passes, V vocabulary, d hidden size, R rows of a chunk.
 */
import { type Architecture, type Attends, type Encoder, InvalidInput, type TokenJudging } from "@winnow/core"
import { product, tf } from "@winnow/tensor"

/** Settings of a judge. */
export interface MaskedJudgeOptions {
  /** The id of the mask token, in the vocabulary that draft and encoder share. */
  readonly maskId: number
  /** Tokens from one masked token to the next: 7 masks about the share that encoders are trained with. */
  readonly every?: number
  /** Most tokens whose scores are remembered, 4 bytes each: texts come back in each pass. 2^24 by default. */
  readonly remember?: number
}

/** Masked tokens are so far apart if left out: about the share that encoders are trained with. */
const usualEvery = 7

/**
 * FLOPs of `maskedJudge` for a text of so many tokens: min(every, T) passes over it, and the head once for each token.
 */
export const maskedJudgeFlops =
  (of: Architecture<Attends>, { every = usualEvery }: Pick<MaskedJudgeOptions, "every"> = {}) =>
  (T: number): number =>
    T * (Math.min(every, T) * of.trunkFlops(T) + 2 * of.hiddenSize * of.vocabularySize)

/** Rows of logits at a time: nothing of size [T, V] is needed for a large vocabulary. */
const chunkRows = 128

/**
 * A judge that asks an encoder, which stays its owner's. A text of T tokens costs min(every, T) passes over it, once.
 *
 * All masked tokens of a pass are the mask, none a random token or itself, as these would spoil the score.
 *
 * @error InvalidInput (thrown) for an id outside of the vocabulary, and in `nll` for a text that is empty or longer than
 * the encoder's context
 */
export const maskedJudge = (
  model: Encoder,
  { maskId, every = usualEvery, remember = 2 ** 24 }: MaskedJudgeOptions,
): TokenJudging => {
  const { vocabularySize: V, maxLength, type } = model.architecture
  const problems = [
    ...(Number.isInteger(maskId) && maskId >= 0 && maskId < V
      ? []
      : [`maskId is ${maskId}; expected an id below ${V}`]),
    ...(Number.isInteger(every) && every >= 2 ? [] : [`every is ${every}; expected an integer from 2`]),
  ]
  if (problems.length > 0) throw new InvalidInput({ what: `judge ${type}`, problems })
  const scores = new Map<string, Float32Array>()
  let held = 0

  const score = (text_T: Int32Array): Float32Array => {
    const T = text_T.length
    const refuse = (problem: string) => new InvalidInput({ what: `judge ${type}`, problems: [problem] })
    if (T === 0 || T > maxLength)
      throw refuse(
        `a text of ${T} tokens; its context takes 1 to ${maxLength}: set maxLength to that, or another judge`,
      )
    const beyond = text_T.find((id) => !(id >= 0 && id < V))
    if (beyond !== undefined)
      throw refuse(`token ${beyond}; its vocabulary has ${V} ids: take a judge of this tokenizer`)
    const m = Math.min(every, T)
    const ids_mT = Int32Array.from({ length: m * T }, (_, i) =>
      (i % T) % m === Math.floor(i / T) ? maskId : text_T[i % T]!,
    )
    const nll_T = new Float32Array(T)
    tf.tidy(() => {
      const h_mTd = model.hidden(tf.tensor2d(ids_mT, [m, T], "int32"))
      const rows_T = Int32Array.from({ length: T }, (_, t) => (t % m) * T + t)
      const h_Td = tf.gather(tf.reshape(h_mTd, [m * T, -1]), tf.tensor1d(rows_T, "int32")) as tf.Tensor2D
      for (let from = 0; from < T; from += chunkRows) {
        const R = Math.min(chunkRows, T - from)
        const nll_R = tf.tidy(() => {
          const logits_RV = product(
            tf.slice2d(h_Td, [from, 0], [R, -1]),
            model.head_Vd as tf.Tensor as tf.Tensor2D,
            false,
            true,
          )
          const at_R = Int32Array.from({ length: R * 2 }, (_, i) => (i % 2 === 0 ? i / 2 : text_T[from + (i - 1) / 2]!))
          const gold_R = tf.gatherND(logits_RV, tf.tensor2d(at_R, [R, 2], "int32"))
          return tf.sub(tf.logSumExp(logits_RV, 1), gold_R).dataSync() as Float32Array as never
        }) as unknown as Float32Array
        nll_T.set(nll_R, from)
      }
    })
    return nll_T
  }

  return {
    nll: (text_T) => {
      const key = text_T.join()
      const there = scores.get(key)
      if (there !== undefined) return there
      const nll_T = score(text_T)
      if (held + nll_T.length <= remember) {
        scores.set(key, nll_T)
        held += nll_T.length
      }
      return nll_T
    },
  }
}
