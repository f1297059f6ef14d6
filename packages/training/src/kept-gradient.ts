/**
 * Loss and gradient of the kept rows, chunk by chunk: dL/dh scattered back to all rows, dL/dHead accumulated.
 *
 * Letters: N valid rows, K kept rows, R rows of a chunk, V vocabulary, d hidden size of the draft.
 */
import type { LossInstance } from "@winnow/core"
import { gradients, onFreshTape, product, tf } from "@winnow/tensor"
import { fusedGradient } from "./fused.ts"
import { takeRows } from "./signals/rows.ts"
import { batchStatistics, type Chunk, chunkAt, chunks, type Pass, type Rows, sparseOf } from "./statistics.ts"
import { take } from "./take.ts"

export interface KeptGradient {
  /** sum_n weights_n loss_n (before any division). */
  readonly lossSum: number
  /** d lossSum / d h times `scale`, [N, d]; zero where a row was dropped. */
  readonly gradient_Nd: tf.Tensor2D
  /** d lossSum / d head times `scale`, [V, d]. */
  readonly headGradient_Vd: tf.Tensor2D
}

/** Of the kept rows alone: their losses, and the gradients times `scale` and weight. */
interface KeptRowsGradient {
  readonly loss_K: Float32Array
  readonly gradient_Kd: tf.Tensor2D
  readonly headGradient_Vd: tf.Tensor2D
}

/** Value and gradient of a chunk: in closed form, or by autodiff where the loss has none. */
export const lossOf = (loss: LossInstance, chunk: Chunk) => {
  if ("sparse" in chunk) return sparseOf(loss).gradient(chunk)
  if (loss.gradient !== undefined) return loss.gradient(chunk)
  return onFreshTape(() => {
    let loss_R: tf.Tensor1D | undefined
    try {
      const { gradients: grads } = gradients(() => {
        loss_R = tf.keep(loss.value(chunk))
        return tf.sum(loss_R)
      }, [chunk.draft.logits_RV])
      return { loss_R: tf.clone(loss_R!), gradient_RV: grads[0] as tf.Tensor2D }
    } finally {
      loss_R?.dispose()
    }
  })
}

/** The rows with a weight above 0, in order. */
export const keptRows = (weights_N: Uint8Array | Float32Array): Int32Array => {
  let K = 0
  for (const w of weights_N) if (w > 0) K++
  const kept_K = new Int32Array(K)
  for (let n = 0, k = 0; n < weights_N.length; n++) if (weights_N[n]! > 0) kept_K[k++] = n
  return kept_K
}

/**
 * @param weights_N 0 where a row is dropped; at least one above 0
 * @param scale multiplied into both gradients, such as 1 / the sum of weights
 */
export const keptGradient = (pass: Pass, weights_N: Uint8Array | Float32Array, scale: number): KeptGradient => {
  const kept_K = keptRows(weights_N)
  const K = kept_K.length
  const N = weights_N.length
  const [, d] = pass.draft.h_Nd.shape
  return tf.tidy(() => {
    const index_K = tf.tensor1d(kept_K, "int32")
    const all = K === N
    const gathered = (rows: Rows): Rows => (all ? rows : { ...rows, h_Nd: tf.gather(rows.h_Nd, index_K) })
    const kept: Pass = {
      ...pass,
      draft: gathered(pass.draft),
      target: pass.target !== undefined && pass.loss.target ? gathered(pass.target) : undefined,
      cached: pass.cached && !all ? takeRows(pass.cached, kept_K) : pass.cached,
      reference: undefined,
      gold_N: take(pass.gold_N, kept_K),
      uniform_N: take(pass.uniform_N, kept_K),
    }
    const rowScale_K = Float32Array.from(kept_K, (n) => weights_N[n]! * scale)
    const result = ({ loss_K, gradient_Kd, headGradient_Vd }: KeptRowsGradient) => {
      let lossSum = 0
      for (let k = 0; k < K; k++) lossSum += loss_K[k]! * weights_N[kept_K[k]!]!
      return {
        lossSum,
        gradient_Nd: all
          ? gradient_Kd
          : (tf.scatterND(tf.reshape(index_K, [K, 1]), gradient_Kd, [N, d]) as tf.Tensor2D),
        headGradient_Vd,
      }
    }
    const fused = fusedGradient(pass, kept, kept_K, rowScale_K)
    if (fused !== undefined) return result(fused)

    const batch = batchStatistics(kept)
    const loss_K = new Float32Array(K)
    let headGradient_Vd: tf.Tensor2D | undefined
    const pieces: Array<tf.Tensor2D> = []
    for (const [start, count] of chunks(K, pass.chunkRows)) {
      const [gradient_Rd, head] = tf.tidy(() => {
        const { loss_R, gradient_RV } = lossOf(pass.loss, chunkAt(kept, kept.draft, start, count, batch))
        loss_K.set(loss_R.dataSync(), start)
        // the rows' weights go onto [R, d], never onto [R, V]
        const scale_R1 = tf.tensor2d(rowScale_K.subarray(start, start + count), [count, 1])
        const h_Rd = tf.mul(tf.slice2d(kept.draft.h_Nd, [start, 0], [count, d]), scale_R1) as tf.Tensor2D
        return [
          tf.mul(product(gradient_RV, kept.draft.head_Vd), scale_R1) as tf.Tensor2D,
          product(gradient_RV, h_Rd, true, false),
        ] as const
      })
      pieces.push(gradient_Rd)
      if (headGradient_Vd === undefined) headGradient_Vd = head
      else {
        const sum = tf.add(headGradient_Vd, head) as tf.Tensor2D
        tf.dispose([headGradient_Vd, head])
        headGradient_Vd = sum
      }
    }
    const gradient_Kd = pieces.length === 1 ? pieces[0]! : tf.concat2d(pieces, 0)
    return result({ loss_K, gradient_Kd, headGradient_Vd: headGradient_Vd! })
  })
}
