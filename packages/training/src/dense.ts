/**
 * The plain form of a micro-batch: all logits at once, the loss's value differentiated by TFJS through the whole model.
 *
 * Slow and [N, V] large. It shares nothing with the fast form but the models, the filter and the loss's `value`; the tests
 * hold the two together, and the benchmark measures one against the other.
 */
import {
  Categorical,
  type LossChunk,
  modelsRead,
  type Statistic,
  type StatisticRow,
  type Statistics,
  statistics as table,
} from "@winnow/core"
import { seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { type MicroBatch, type MicroResult, select, uniforms, validRows } from "./micro-batch.ts"
import { trainedGradients } from "./trained-gradients.ts"

/** All logits [N, V] of a model at the valid rows. */
const logitsOf = (h_BTd: tf.Tensor3D, head_Vd: tf.Tensor, row_N: tf.Tensor1D): tf.Tensor2D =>
  tf.matMul(validRows(h_BTd, row_N), head_Vd as tf.Tensor2D, false, true)

/** log softmax of each row of logits [N, V], in double precision. */
const logSoftmax = (logits_NV: tf.Tensor2D): ReadonlyArray<Float64Array> => {
  const [N, V] = logits_NV.shape
  const all = logits_NV.dataSync()
  return Array.from({ length: N }, (_, n) => {
    const row = Float64Array.from(all.subarray(n * V, (n + 1) * V))
    const largest = row.reduce((a, b) => Math.max(a, b))
    const logSum = largest + Math.log(row.reduce((sum, z) => sum + Math.exp(z - largest), 0))
    return row.map((z) => z - logSum)
  })
}

/** The same results as `runMicroBatch`, up to rounding. */
export const runDenseMicroBatch = (input: MicroBatch): MicroResult => {
  const { batch, draft, filter, head } = input
  const { loss } = head
  const N = batch.row_N.length
  const uniform_N = uniforms(N, seeded(input.seed, "loss", input.step, input.micro))
  let result: Omit<MicroResult, "gradients"> | undefined
  const byName = tf.tidy(() => {
    const ids_BT = tf.tensor2d(batch.ids_BT, [batch.B, batch.T], "int32")
    const row_N = tf.tensor1d(batch.row_N, "int32")
    const gold_N = tf.tensor1d(batch.gold_N, "int32")
    const frozen = (model: MicroBatch["target"]) =>
      model && new Categorical(logitsOf(model.hidden(ids_BT), model.head_Vd, row_N))
    const [target, reference] = [frozen(input.target), frozen(input.reference)]

    /** Values of the rows where `include_N` is set; the loss's batch statistics are of these rows too. */
    const lossOn = (of: Categorical, include: Int32Array): tf.Tensor1D => {
      const index = tf.tensor1d(include, "int32")
      const rows = (c: Categorical) => new Categorical(tf.gather(c.logits_RV, index) as tf.Tensor2D)
      const chunk = (batchNumbers: ReadonlyArray<number>): LossChunk => ({
        draft: rows(of),
        target: loss.target ? rows(target!) : undefined,
        gold_R: tf.gather(gold_N, index) as tf.Tensor1D,
        uniform_R: Float32Array.from(include, (n) => uniform_N[n]!),
        batch: batchNumbers,
      })
      if (loss.batch === undefined) return loss.value(chunk([]))
      const sums = tf.sum(loss.batch.rows(chunk([])), 0).dataSync()
      return loss.value(chunk(loss.batch.combine(Float64Array.from(sums), include.length)))
    }

    const everyRow = Int32Array.from({ length: N }, (_, n) => n)
    const statistics: Partial<Record<Statistic, Float32Array>> = {}
    const logits_NV = logitsOf(draft.hidden(ids_BT), draft.head_Vd, row_N)
    const models = { draft: new Categorical(logits_NV), target, reference }
    const logP = Object.fromEntries(
      [...modelsRead(filter.needs, { target: false })].map((of) => [of, logSoftmax(models[of]!.logits_RV)]),
    )
    for (const name of filter.needs) {
      const entry = table[name]
      statistics[name] =
        entry.lossOf !== undefined
          ? (lossOn(models[entry.lossOf]!, everyRow).dataSync() as Float32Array)
          : Float32Array.from(everyRow, (n) => {
              const row = Object.fromEntries(Object.entries(logP).map(([of, rows]) => [of, rows[n]!]))
              return entry.definition({ ...row, gold: batch.gold_N[n]! } as unknown as StatisticRow)
            })
    }
    const selection = select(input, statistics as Partial<Statistics>)
    const kept = everyRow.filter((n) => selection.weights_N[n]! > 0)
    const weights_K = tf.tensor1d(Float32Array.from(kept, (n) => selection.weights_N[n]!))
    const { value, byName } = trainedGradients(draft, () => {
      const of = new Categorical(logitsOf(draft.hidden(ids_BT), draft.head_Vd, row_N))
      const sum = tf.sum(tf.mul(lossOn(of, kept), weights_K))
      return (input.divide ? tf.div(sum, selection.denominator) : sum) as tf.Scalar
    })
    const lossSum = value.dataSync()[0]! * (input.divide ? selection.denominator : 1)
    result = { lossSum, N, statistics: statistics as Partial<Statistics>, ...selection }
    return byName
  })
  return { ...result!, gradients: byName }
}
