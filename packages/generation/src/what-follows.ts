/**
 * Next tokens by a model: greedy choices or distributions, natively where decoding is native.
 *
 * Letters: B sequences, T new positions, R = B rows, V vocabulary.
 */
import type { Decoder, Decoding, Sampling } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { argmaxRows, argmaxWithMargin, idsTensor, lastLogits, row } from "./head.ts"
import { adjusted, restricted } from "./sampling.ts"

/** Greedy choices at R rows. */
export interface Choices {
  /** The lowest id of equal logits. */
  readonly argmax: ArrayLike<number>
  /** Largest logit minus second largest; empty unless requested. */
  readonly margin: ArrayLike<number>
}

/** Rows of numbers that are computed on demand; an array of them qualifies. */
export interface Rows {
  readonly at: (r: number) => Float64Array | undefined
}

/**
 * Extends a decoding state by tokens and returns the most probable token after each of the last `rows` positions.
 *
 * @param ids_BT B times T ids
 */
export const choicesAfter = (
  model: Decoder,
  decoding: Decoding,
  ids_BT: Int32Array,
  B: number,
  rows: number,
  margins: boolean,
): Choices => {
  if (decoding.quick !== undefined) return decoding.quick.greedy(ids_BT, B, rows, margins)
  let choices: Choices | undefined
  tf.tidy(() => {
    const logits_RV = lastLogits(model, decoding.extend(idsTensor(ids_BT, B, ids_BT.length / B)), rows)
    choices = margins ? argmaxWithMargin(logits_RV) : { argmax: argmaxRows(logits_RV), margin: [] }
  })
  return choices!
}

/**
 * Extends a decoding state by tokens and returns the sampling distribution at a row on demand: a block reads only the
 * rows up to its first rejection. The rows are void once the decoding state is used again.
 */
export const distributionsAfter = (
  model: Decoder,
  decoding: Decoding,
  ids_BT: Int32Array,
  B: number,
  rows: number,
  sampling: Sampling,
): Rows => {
  const rowCache: Array<Float64Array | undefined> = []
  const once = (make: (r: number) => Float64Array): Rows => ({ at: (r) => (rowCache[r] ??= make(r)) })
  if (decoding.quick !== undefined) {
    const logits = decoding.quick.logits(ids_BT, B, rows)
    return once((r) => {
      const p_V = logits.softmax(r, sampling.temperature)
      // `adjusted` refuses the row of a null and states the reason.
      return p_V === null ? adjusted(logits.row(r), sampling) : restricted(p_V, sampling)
    })
  }
  let values = new Float32Array()
  tf.tidy(() => {
    const logits_RV = lastLogits(model, decoding.extend(idsTensor(ids_BT, B, ids_BT.length / B)), rows)
    values = logits_RV.dataSync() as Float32Array<ArrayBuffer>
  })
  return once((r) => adjusted(row(values, r, model.architecture.vocabularySize), sampling))
}
