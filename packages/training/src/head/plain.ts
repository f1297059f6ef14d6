/**
 * The plain form of a head: chunks of logits, one after the other, for every statistic and every loss.
 *
 * Letters: N valid rows, K kept rows, R rows of a chunk, V vocabulary, d hidden size of the draft.
 */
import {
  Categorical,
  type LossChunk,
  type LossInstance,
  modelsRead,
  type OwnStatistic,
  type Statistic,
  type StatisticChunk,
  type Statistics,
  statistics,
} from "@winnow/core"
import { product, softCapSlope, tf } from "@winnow/tensor"
import {
  type ChunkTarget,
  chunkAt,
  chunkRowsFor,
  chunks,
  goldAt,
  logits,
  lossChunk,
  lossOf,
  lossValue,
  targetAt,
} from "./chunks.ts"
import type { GradientOf, Read } from "./form.ts"
import type { Pass } from "./pass.ts"

/** Runs once over all rows for the loss's own batch statistics, if it has any. */
const batchStatistics = (
  loss: LossInstance,
  pass: Pass,
  which: "draft" | "reference",
  chunkRows: number,
): ReadonlyArray<number> => {
  const { batch } = loss
  if (batch === undefined) return []
  const rows = pass[which]!
  const N = pass.gold_N.length
  let sum_M: Float64Array | undefined
  for (const [start, count] of chunks(N, chunkRows)) {
    const [sums, M] = tf.tidy(() => {
      // The target is never partly known here: a loss with batch statistics has no form for it.
      const rows_RM = batch.rows(chunkAt(loss, pass, rows, start, count, []) as LossChunk)
      return [rows_RM.dataSync(), rows_RM.shape[1]] as const
    })
    sum_M ??= new Float64Array(M)
    for (let i = 0; i < sums.length; i++) sum_M[i % M]! += sums[i]!
  }
  return batch.combine(sum_M!, N)
}

interface ChunkModels extends ChunkTarget {
  readonly draft: Categorical | undefined
  readonly reference: Categorical | undefined
  readonly gold_R: tf.Tensor1D
}

/** A statistic with a formula of its own, for a chunk. The models that it reads are present. */
const ownValue = (entry: OwnStatistic, chunk: ChunkModels): tf.Tensor1D => {
  const { sparse } = chunk
  if (sparse === undefined || !entry.reads.includes("target")) return entry.plain(chunk as StatisticChunk)
  // A statistic that is not exact from a part was refused before any work.
  return entry.from![sparse.kind]!.plain({ ...(chunk as StatisticChunk), sparse })
}

const plainStatistics = (
  loss: LossInstance,
  pass: Pass,
  names: ReadonlyArray<Statistic>,
  chunkRows: number,
): Partial<Statistics> => {
  const N = pass.gold_N.length
  const reads = modelsRead(names, loss)
  const batchOf = (which: "draft" | "reference") =>
    names.includes(`${which}Loss_N`) ? batchStatistics(loss, pass, which, chunkRows) : []
  const batch = { draft: batchOf("draft"), reference: batchOf("reference") }
  const out: Partial<Record<Statistic, Float32Array>> = {}
  for (const name of names) out[name] = new Float32Array(N)
  for (const [start, count] of names.length === 0 ? [] : chunks(N, chunkRows)) {
    tf.tidy(() => {
      const models: ChunkModels = {
        draft: reads.has("draft") ? new Categorical(logits(pass.draft, start, count)) : undefined,
        ...(reads.has("target") ? targetAt(pass, start, count) : {}),
        reference: reads.has("reference") ? new Categorical(logits(pass.reference!, start, count)) : undefined,
        gold_R: goldAt(pass, start, count),
      }
      for (const name of names) {
        const entry = statistics[name]
        const lossWith = (of: "draft" | "reference") =>
          lossValue(loss, lossChunk(loss, pass, models[of]!, models, models.gold_R, start, batch[of]))
        // It has no tidy of its own: values cached by a Categorical must live until the chunk ends.
        const value = entry.lossOf === undefined ? ownValue(entry, models) : lossWith(entry.lossOf)
        out[name]!.set(value.dataSync(), start)
      }
    })
  }
  return out
}

const plainGradient =
  (loss: LossInstance, chunkRows?: number): GradientOf =>
  (kept, kept_K, rowScale_K) => {
    const K = kept_K.length
    const { h_Nd: h_Kd, head_Vd, logitCap } = kept.draft
    const d = h_Kd.shape[1]
    const size = chunkRows ?? chunkRowsFor(head_Vd.shape[0])
    const batch = batchStatistics(loss, kept, "draft", size)
    const loss_K = new Float32Array(K)
    let headGradient_Vd: tf.Tensor2D | undefined
    const pieces: Array<tf.Tensor2D> = []
    for (const [start, count] of chunks(K, size)) {
      const [gradient_Rd, head] = tf.tidy(() => {
        const chunk = chunkAt(loss, kept, kept.draft, start, count, batch)
        const { loss_R, gradient_RV: byLogits_RV } = lossOf(loss, chunk)
        const gradient_RV =
          logitCap === undefined
            ? byLogits_RV
            : tf.mul<tf.Tensor2D>(byLogits_RV, softCapSlope(chunk.draft.logits_RV, logitCap))
        loss_K.set(loss_R.dataSync(), start)
        // The rows' weights multiply [R, d], never [R, V].
        const scale_R1 = tf.tensor2d(rowScale_K.subarray(start, start + count), [count, 1])
        const h_Rd = tf.mul(tf.slice2d(h_Kd, [start, 0], [count, d]), scale_R1) as tf.Tensor2D
        return [
          tf.mul(product(gradient_RV, head_Vd), scale_R1) as tf.Tensor2D,
          kept.draft.headIsFrozen ? undefined : product(gradient_RV, h_Rd, true, false),
        ] as [tf.Tensor2D, tf.Tensor2D | undefined]
      })
      pieces.push(gradient_Rd)
      if (headGradient_Vd === undefined || head === undefined) headGradient_Vd = head
      else {
        const sum = tf.add(headGradient_Vd, head) as tf.Tensor2D
        tf.dispose([headGradient_Vd, head])
        headGradient_Vd = sum
      }
    }
    const gradient_Kd = pieces.length === 1 ? pieces[0]! : tf.concat2d(pieces, 0)
    return { loss_K, gradient_Kd, headGradient_Vd }
  }

/**
 * The form that computes everything on chunks of logits.
 *
 * @param chunkRows rows of a chunk; chosen by the vocabulary if left out
 */
export const plainForm = (loss: LossInstance, chunkRows?: number): Read => {
  const gradient = plainGradient(loss, chunkRows)
  return (pass, names) => ({
    statistics: plainStatistics(loss, pass, names, chunkRows ?? chunkRowsFor(pass.draft.head_Vd.shape[0])),
    gradient,
  })
}
