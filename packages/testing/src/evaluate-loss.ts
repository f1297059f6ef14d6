/** Evaluates a loss on a few rows of plain numbers: for examples and for tests by hand. R rows, V vocabulary. */
import { Categorical, type LossChunk, type LossUse, type Target } from "@winnow/core"
import { openEngine, tf } from "@winnow/tensor"
import { instanceOf } from "./instance.ts"

/** Rows of logits; missing numbers are 0. */
export interface PlainRows {
  readonly draft: ReadonlyArray<ReadonlyArray<number>>
  readonly target?: ReadonlyArray<ReadonlyArray<number>>
  readonly gold?: ReadonlyArray<number>
  readonly uniform?: ReadonlyArray<number>
  /** Steps done and steps of the stage: 0 of 1 if left out. */
  readonly step?: number
  readonly steps?: number
}

/**
 * Loss of each row, and its derivative by the row's logits (by autodiff if the loss has no closed form); batch
 * statistics cover these rows.
 *
 * @error if the loss compares to a target and there is none
 */
export const evaluateLoss = async (use: LossUse<Target>, rows: PlainRows) => {
  await openEngine()
  const loss = await instanceOf(use)
  if (loss.target && rows.target === undefined)
    throw new Error(`loss ${use.name} compares to a target: give its logits`)
  const matrix = (x: PlainRows["draft"]) => tf.tensor2d(x.map((row) => [...row]))
  const R = rows.draft.length
  let result!: { readonly loss: ReadonlyArray<number>; readonly gradient: ReadonlyArray<ReadonlyArray<number>> }
  tf.tidy(() => {
    const chunk = (draft: tf.Tensor2D, batch: ReadonlyArray<number>): LossChunk => ({
      draft: new Categorical(draft),
      target: loss.target ? new Categorical(matrix(rows.target!)) : undefined,
      gold_R: tf.tensor1d(Int32Array.from(rows.gold ?? new Array<number>(R).fill(0)), "int32"),
      uniform_R: Float32Array.from(rows.uniform ?? new Array<number>(R).fill(0)),
      step: rows.step ?? 0,
      steps: rows.steps ?? 1,
      batch,
    })
    const draft_RV = matrix(rows.draft)
    const sums = loss.batch && tf.sum(loss.batch.rows(chunk(draft_RV, [])), 0).dataSync()
    const batch = sums ? loss.batch!.combine(Float64Array.from(sums), R) : []
    const both = loss.gradient?.(chunk(draft_RV, batch)) ?? {
      loss_R: loss.value(chunk(draft_RV, batch)),
      gradient_RV: tf.grad((x) => tf.sum(loss.value(chunk(x as tf.Tensor2D, batch))))(draft_RV) as tf.Tensor2D,
    }
    result = { loss: both.loss_R.arraySync(), gradient: both.gradient_RV.arraySync() }
  })
  return result
}
