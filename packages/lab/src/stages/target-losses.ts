/**
 * The target's losses on texts, for variables that read them.
 *
 * Letters: L tokens of a text, N tokens of a batch that have one before them.
 */
import { type EncodedExample, type Encoder, tokenLosses } from "@winnow/core"
import { collate } from "@winnow/data"
import type { Pieces } from "@winnow/generation"
import { tf } from "@winnow/tensor"
import { modelRows } from "@winnow/training"

const textsAtOnce = 16

/** The target's -log p(token | those before) of each text, [L]; NaN at the first token. */
export function* targetLosses(
  target: Encoder,
  examples: ReadonlyArray<EncodedExample>,
): Pieces<ReadonlyArray<Float32Array>> {
  const all: Array<Float32Array> = []
  for (let from = 0; from < examples.length; from += textsAtOnce) {
    const texts = examples.slice(from, from + textsAtOnce).map(({ ids }) => ({ ids, promptLength: 0 }))
    const batch = collate(texts)
    const loss_N = tf.tidy(() => {
      const { h_Md, head_Vd, logitCap } = modelRows(target, batch)
      // A tidy returns what holds no tensor as it is.
      return tokenLosses(h_Md, head_Vd as tf.Tensor2D, batch.gold_N, logitCap) as never
    }) as unknown as Float32Array
    const losses = texts.map(({ ids }) => new Float32Array(ids.length).fill(Number.NaN))
    for (const [n, loss] of loss_N.entries()) losses[batch.sequence_N[n]!]![batch.position_N[n]!] = loss
    all.push(...losses)
    yield
  }
  return all
}
