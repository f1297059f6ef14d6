/**
 * The statistics pass: one number a valid token of exactly those statistics that the filter needs.
 *
 * Letters: N valid tokens, R rows of a chunk, V vocabulary, d and D hidden sizes of draft and target. Logits exist for one
 * chunk at a time; nothing of size [N, V] is ever made.
 */
import {
  Categorical,
  type LossChunk,
  type LossInstance,
  referenceStatistics,
  type Statistic,
  type Statistics,
  targetStatistics,
} from "@winnow/core"
import { product, tf } from "@winnow/tensor"

/** Hidden states of the valid rows and the head that turns them into logits. */
export interface Rows {
  readonly h_Nd: tf.Tensor2D
  readonly head_Vd: tf.Tensor2D
}

/** What a pass over rows reads. */
export interface Pass {
  readonly draft: Rows
  readonly target?: Rows | undefined
  readonly reference?: Rows | undefined
  readonly gold_N: Int32Array
  readonly uniform_N: Float32Array
  readonly loss: LossInstance
  /** Rows of a chunk: R V 4 bytes a logits tensor. */
  readonly chunkRows: number
}

const draftStatistics: ReadonlyArray<Statistic> = ["draftNll_N", "draftEntropy_N", "acceptance_N", "agreement_N"]

/** Logits of rows [start, start + count). Belongs to the caller's tidy. */
export const logits = (rows: Rows, start: number, count: number): tf.Tensor2D =>
  product(tf.slice2d(rows.h_Nd, [start, 0], [count, -1]), rows.head_Vd, false, true)

/**
 * [start, count] of as few chunks of at most `chunkRows` rows as N needs, all of about one size, as a short one is slow.
 * Always two at least (for N > 1): logits of all N rows are never there at once, however small the vocabulary.
 */
export function* chunks(N: number, chunkRows: number): Generator<readonly [start: number, count: number]> {
  const size = Math.ceil(N / Math.max(2, Math.ceil(N / chunkRows)))
  for (let start = 0; start < N; start += size) yield [start, Math.min(size, N - start)]
}

/** The value of one statistic for a chunk. */
const statistic = (name: Statistic, chunk: ChunkModels, loss: LossInstance, chunkOf: ChunkOf): tf.Tensor1D => {
  const { draft, target, reference, gold_R } = chunk
  switch (name) {
    case "draftLoss_N":
      return loss.value(chunkOf(draft!))
    case "referenceLoss_N":
      return loss.value(chunkOf(reference!))
    case "draftNll_N":
      return draft!.nll_R(gold_R)
    case "referenceNll_N":
      return reference!.nll_R(gold_R)
    case "targetNll_N":
      return target!.nll_R(gold_R)
    case "draftEntropy_N":
      return draft!.entropy_R()
    case "targetEntropy_N":
      return target!.entropy_R()
    case "acceptance_N":
      return tf.sum(tf.minimum(draft!.p_RV(), target!.p_RV()), 1)
    case "agreement_N":
      return tf.cast(tf.equal(tf.argMax(draft!.logits_RV, 1), tf.argMax(target!.logits_RV, 1)), "float32")
  }
}

interface ChunkModels {
  readonly draft: Categorical | undefined
  readonly target: Categorical | undefined
  readonly reference: Categorical | undefined
  readonly gold_R: tf.Tensor1D
}
type ChunkOf = (draft: Categorical) => LossChunk

/** Runs over all rows once for the loss's own batch statistics, if it has any. */
export const batchStatistics = (pass: Pass, which: "draft" | "reference" = "draft"): ReadonlyArray<number> => {
  const { batch } = pass.loss
  if (batch === undefined) return []
  const rows = pass[which]!
  const N = pass.gold_N.length
  let sum_M: Float64Array | undefined
  for (const [start, count] of chunks(N, pass.chunkRows)) {
    const [sums, M] = tf.tidy(() => {
      const rows_RM = batch.rows(chunkAt(pass, rows, start, count, []))
      return [rows_RM.dataSync(), rows_RM.shape[1]] as const
    })
    sum_M ??= new Float64Array(M)
    for (let i = 0; i < sums.length; i++) sum_M[i % M]! += sums[i]!
  }
  return batch.combine(sum_M!, N)
}

/** The loss's view of one chunk, with the given rows in the draft's place. Belongs to the caller's tidy. */
export const chunkAt = (
  pass: Pass,
  draft: Rows,
  start: number,
  count: number,
  batch: ReadonlyArray<number>,
): LossChunk => ({
  draft: new Categorical(logits(draft, start, count)),
  target: pass.loss.target ? new Categorical(logits(pass.target!, start, count)) : undefined,
  gold_R: tf.tensor1d(pass.gold_N.subarray(start, start + count), "int32"),
  uniform_R: pass.uniform_N.subarray(start, start + count),
  batch,
})

/**
 * Computes the named statistics of all rows.
 *
 * @returns a Float32Array of length N for each name, nothing for the others
 * @error if a statistic needs a model that the pass does not have (the types of `defineFilter` rule it out)
 */
export const statisticsPass = (pass: Pass, needs: ReadonlyArray<Statistic>): Partial<Statistics> => {
  const N = pass.gold_N.length
  const { loss } = pass
  const wants = (...names: ReadonlyArray<Statistic>) => needs.some((n) => names.includes(n))
  const usesLoss = wants("draftLoss_N", "referenceLoss_N")
  const usesDraft = wants("draftLoss_N", ...draftStatistics)
  const usesReference = needs.some((n) => referenceStatistics.has(n))
  const usesTarget = (usesLoss && loss.target) || needs.some((n) => targetStatistics.has(n))
  if (usesReference && pass.reference === undefined) throw missing("reference", needs)
  if (usesTarget && pass.target === undefined) throw missing("target", needs)

  const ofDraft = wants("draftLoss_N") ? batchStatistics(pass, "draft") : []
  const ofReference = wants("referenceLoss_N") ? batchStatistics(pass, "reference") : []
  const out = Object.fromEntries(needs.map((name) => [name, new Float32Array(N)])) as Record<Statistic, Float32Array>
  for (const [start, count] of chunks(N, pass.chunkRows)) {
    tf.tidy(() => {
      const models: ChunkModels = {
        draft: usesDraft ? new Categorical(logits(pass.draft, start, count)) : undefined,
        target: usesTarget ? new Categorical(logits(pass.target!, start, count)) : undefined,
        reference: usesReference ? new Categorical(logits(pass.reference!, start, count)) : undefined,
        gold_R: tf.tensor1d(pass.gold_N.subarray(start, start + count), "int32"),
      }
      for (const name of needs) {
        const batch = name === "referenceLoss_N" ? ofReference : ofDraft
        // no tidy of its own: what a Categorical remembers must live until the chunk ends
        const value = statistic(name, models, loss, (draft) => ({
          draft,
          target: loss.target ? models.target : undefined,
          gold_R: models.gold_R,
          uniform_R: pass.uniform_N.subarray(start, start + count),
          batch,
        }))
        out[name].set(value.dataSync(), start)
      }
    })
  }
  return out
}

const missing = (what: string, needs: ReadonlyArray<Statistic>) =>
  new Error(`the statistics ${needs.join(", ")} need a ${what}, and this arm has none: give the arm a ${what}`)
