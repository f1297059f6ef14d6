/** Parts that the three readings of TVD++ share: the reward, its standard deviation over the batch, and its check. */
import { detached, type LossChunk } from "@winnow/core"
import { tf } from "@winnow/tensor"

/** Added to a standard deviation before dividing by it, as in the one open implementation: all rewards may be equal. */
export const epsilon = 1e-5

/** r = 1 where p > q, else 0 (also where p = q), without gradient. */
export const rewards = ({ draft, target }: LossChunk<true>): tf.Tensor2D => {
  const [p_RV, q_RV] = [target.p_RV(), draft.p_RV()]
  return detached(() => tf.cast(tf.greater(p_RV, q_RV), "float32") as tf.Tensor2D)
}

/** Mean and standard deviation of 0/1 rewards whose expectations are summed over the rows: [mu, sqrt(mu (1 - mu))]. */
export const moments = (sum_M: Float64Array, rows: number): ReadonlyArray<number> => {
  const mu = sum_M[0]! / rows
  return [mu, Math.sqrt(Math.max(0, mu * (1 - mu)))]
}

/** @error if `chunk.batch` is empty: `batch.rows` and `batch.combine` must run over the whole pass first */
export const batchMoments = ({ batch }: LossChunk<true>): { mu: number; sigma: number } => {
  const [mu, sigma] = batch
  if (mu === undefined || sigma === undefined) {
    throw new Error(
      `loss tvd-plus-plus: chunk.batch has ${batch.length} numbers, expected 2 (mean and standard deviation of the ` +
        "rewards); run batch.rows over all rows of the pass, then batch.combine, before value or gradient",
    )
  }
  return { mu, sigma: sigma + epsilon }
}
