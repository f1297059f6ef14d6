/**
 * The plain form of a micro-batch: all logits at once, the loss's value differentiated by TFJS through the whole model.
 *
 * It is slow and [N, V] large. It shares only the models, the filter and the loss's `value` with the fast form; the
 * tests compare both, and the benchmark measures one against the other.
 */
import {
  Categorical,
  type DraftRows,
  type Encoder,
  goldOfEntry,
  type HeadIds,
  type LossChunk,
  modelsRead,
  type OwnStatistic,
  type Statistic,
  type StatisticRow,
  type Statistics,
  statistics as table,
} from "@winnow/core"
import { seeded } from "@winnow/numerics"
import { softCap, tf } from "@winnow/tensor"
import { entriesOf, movesTrunk, seenBy, tokensOf, validRows } from "./draft-entries.ts"
import type { Head } from "./head/head.ts"
import { type MicroBatch, type MicroResult, select, uniforms } from "./micro-batch.ts"
import { weightsByHead } from "./sources.ts"
import { hiddenOf } from "./target-states.ts"
import { trainedGradients } from "./trained-gradients.ts"

/** All logits [N, V] of a model at the valid rows. */
const logitsOf = (h_BTd: tf.Tensor3D, { head_Vd, architecture }: Encoder, row_N: tf.Tensor1D): tf.Tensor2D =>
  softCap(tf.matMul(validRows(h_BTd, row_N), head_Vd as tf.Tensor as tf.Tensor2D, false, true), architecture.logitCap)

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
  const { batch, draft, filter, head, sources } = input
  const N = batch.row_N.length
  const uniform_N = uniforms(N, seeded(input.seed, "loss", input.step, input.micro))
  let result: Omit<MicroResult, "gradients"> | undefined
  const byName = tf.tidy(() => {
    const ids_BT = tf.tensor2d(batch.ids_BT, [batch.B, batch.T], "int32")
    const row_N = tf.tensor1d(batch.row_N, "int32")
    const seen = seenBy(draft, batch, ids_BT, head.signals.states?.of(batch))
    const frozen = (model: MicroBatch["target"]) =>
      model && new Categorical(logitsOf(hiddenOf(model, batch, ids_BT), model, row_N))
    /** The distribution of a frozen model over the draft's ids: columns of its logits. */
    const within = (of: Categorical, ids: HeadIds | undefined, own?: HeadIds) => {
      if (ids === undefined || own !== undefined) return of
      return new Categorical(tf.gather(of.logits_RV, tf.tensor1d(ids.id_U, "int32"), 1) as tf.Tensor2D)
    }
    /** The row of the head that each row of an entry is to predict. */
    const goldOf = (entry: DraftRows): Int32Array =>
      goldOfEntry(entry, batch.gold_N).map((id) => entry.headIds?.id_U.indexOf(id) ?? id)
    const [target, reference] = [frozen(input.target), frozen(input.reference)]

    /** Rows of the batch that an entry predicts. */
    const allOf = ({ at_M }: DraftRows) => at_M ?? Int32Array.from({ length: N }, (_, n) => n)
    const taken = (logits: tf.Tensor2D, at: Int32Array) =>
      new Categorical(tf.gather(logits, tf.tensor1d(at, "int32")) as tf.Tensor2D)
    /**
     * Losses of the rows `at` of the batch, where `of` is the draft and `gold` is to be predicted; the loss's batch
     * statistics cover these rows too.
     */
    const lossOn = (
      { loss }: Head,
      of: Categorical,
      at: Int32Array,
      gold: Int32Array,
      ids: HeadIds | undefined,
    ): tf.Tensor1D => {
      const chunk = (batchNumbers: ReadonlyArray<number>): LossChunk => ({
        draft: of,
        target: loss.target ? within(taken(target!.logits_RV, at), ids) : undefined,
        gold_R: tf.tensor1d(gold, "int32"),
        uniform_R: Float32Array.from(at, (n) => uniform_N[n]!),
        step: input.step,
        steps: input.steps,
        batch: batchNumbers,
      })
      if (loss.batch === undefined) return loss.value(chunk([]))
      const sums = tf.sum(loss.batch.rows(chunk([])), 0).dataSync()
      return loss.value(chunk(loss.batch.combine(Float64Array.from(sums), at.length)))
    }
    const entryLogits = ({ h_Md, head_Vd, logitCap }: DraftRows): tf.Tensor2D =>
      softCap(tf.matMul(h_Md, head_Vd as tf.Tensor2D, false, true), logitCap)

    const choices = entriesOf(draft, batch, seen, row_N).map((entry, i) => {
      const [at_M, gold_M] = [allOf(entry), goldOf(entry)]
      const at = (of: Categorical | undefined) => of && taken(of.logits_RV, at_M)
      const { headIds } = entry
      const models = {
        draft: new Categorical(entryLogits(entry)),
        target: target && within(at(target)!, headIds),
        reference: reference && within(at(reference)!, headIds, input.reference?.headIds),
      }
      const logP = Object.fromEntries(
        [...modelsRead(filter.needs, { target: false })].map((of) => [of, logSoftmax(models[of]!.logits_RV)]),
      )
      const statistics: Partial<Record<Statistic, Float32Array>> = {}
      for (const name of filter.needs) {
        const { lossOf, ...own } = table[name]
        statistics[name] =
          lossOf !== undefined
            ? (lossOn(head, models[lossOf]!, at_M, gold_M, headIds).dataSync() as Float32Array)
            : Float32Array.from(gold_M, (gold, m) => {
                const row = Object.fromEntries(Object.entries(logP).map(([of, rows]) => [of, rows[m]!]))
                return (own as OwnStatistic).definition({ ...row, gold } as unknown as StatisticRow)
              })
      }
      const tokens = tokensOf(batch, entry.at_M)
      return { statistics, tokens, weight: entry.weight ?? 1, ...select(input, statistics, tokens, i) }
    })
    const denominator = choices.reduce((sum, { weight, denominator }) => sum + weight * denominator, 0)
    const { value, byName } = trainedGradients(draft, () => {
      let sum: tf.Tensor = tf.scalar(0)
      const again = movesTrunk(draft) ? seenBy(draft, batch, ids_BT) : seen
      for (const [i, entry] of entriesOf(draft, batch, again, row_N).entries()) {
        const { weights_N, weight } = choices[i]!
        const [all_M, gold_M] = [allOf(entry), goldOf(entry)]
        const ofHeads = sources
          ? weightsByHead(head, sources, batch, entry.at_M, weights_N)
          : new Map([[head, weights_N]])
        for (const [of, own_M] of ofHeads) {
          const kept = Int32Array.from(own_M.keys()).filter((m) => own_M[m]! > 0)
          const weights_K = tf.tensor1d(Float32Array.from(kept, (m) => weight * own_M[m]!))
          const [at_K, gold_K] = [kept.map((m) => all_M[m]!), kept.map((m) => gold_M[m]!)]
          const { added_M } = entry
          let loss_K: tf.Tensor = lossOn(of, taken(entryLogits(entry), kept), at_K, gold_K, entry.headIds)
          if (added_M !== undefined) loss_K = tf.add(loss_K, tf.gather(added_M, tf.tensor1d(kept, "int32")))
          sum = tf.add(sum, tf.sum(tf.mul(loss_K, weights_K)))
        }
      }
      return (input.divide ? tf.div(sum, denominator) : sum) as tf.Scalar
    })
    const lossSum = value.dataSync()[0]! * (input.divide ? denominator : 1)
    const { tokens, statistics, weights_N } = choices[0]!
    const count = (of: (choice: (typeof choices)[number]) => number) => choices.reduce((sum, c) => sum + of(c), 0)
    result = {
      ...{ lossSum, denominator, N: count((c) => c.weights_N.length), kept: count((c) => c.kept) },
      ...{ tokens, statistics: statistics as Partial<Statistics>, weights_N },
    }
    return byName
  })
  return { ...result!, gradients: byName }
}
