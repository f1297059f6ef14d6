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
  modelsRead,
  type ReferenceStatistic,
  readsModel,
  type SparseChunk,
  type SparseTarget,
  type Statistic,
  type StatisticChunk,
  type Statistics,
  statistics,
} from "@winnow/core"
import { product, tf } from "@winnow/tensor"
import { fusedStatistics } from "./fused.ts"
import type { ReferenceLosses } from "./signals/cached.ts"
import { type CachedRows, fullLogits, sparseTarget } from "./signals/rows.ts"

/** Hidden states of the valid rows and the head that turns them into logits. */
export interface Rows {
  readonly h_Nd: tf.Tensor2D
  readonly head_Vd: tf.Tensor2D
}

/** The inputs of a pass over rows. */
export interface Pass {
  readonly draft: Rows
  readonly target?: Rows | undefined
  /** The target from a cache that holds no hidden states: in the place of `target`. */
  readonly cached?: CachedRows | undefined
  readonly reference?: Rows | undefined
  /** The reference's losses from a cache: what is here is not computed. */
  readonly known?: ReferenceLosses | undefined
  readonly gold_N: Int32Array
  readonly uniform_N: Float32Array
  readonly loss: LossInstance
  /** Rows of a chunk: R V 4 bytes a logits tensor. */
  readonly chunkRows: number
}

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

/** The input of a loss for a chunk: the target whole, or in part. */
export type Chunk = LossChunk | SparseChunk

/** The target's logits of rows [start, start + count), or the part of it that a cache has. Belong to the caller's tidy. */
const targetAt = (
  { target, cached }: Pass,
  start: number,
  count: number,
): { readonly target?: Categorical; readonly sparse?: SparseTarget } => {
  if (cached === undefined) return { target: new Categorical(logits(target!, start, count)) }
  if (cached.kind === "full") return { target: new Categorical(fullLogits(cached, start, count)) }
  return { sparse: sparseTarget(cached, start, count) }
}

/** @error if the loss has no form for such a target; `signalProblems` says so before any work */
export const sparseOf = ({ name, sparse }: LossInstance) => {
  if (sparse !== undefined) return sparse
  throw new Error(
    `loss ${name} cannot be computed from a part of the target: set signals.target to live, hidden or full`,
  )
}

/** The loss of each row of a chunk, [R]. */
const lossValue = (loss: LossInstance, chunk: Chunk): tf.Tensor1D =>
  "sparse" in chunk ? sparseOf(loss).value(chunk) : loss.value(chunk)

/** The value of one statistic for a chunk. The models that it reads are there. */
const statistic = (name: Statistic, chunk: ChunkModels, loss: LossInstance, chunkOf: ChunkOf): tf.Tensor1D => {
  const entry = statistics[name]
  if (entry.lossOf !== undefined) return lossValue(loss, chunkOf(chunk[entry.lossOf]!))
  const { sparse } = chunk
  if (sparse === undefined || !readsModel(name, "target")) return entry.plain(chunk as StatisticChunk)
  // a statistic that is not exact from a part was refused before any work
  return entry.from![sparse.kind]!.plain({ ...(chunk as StatisticChunk), sparse })
}

interface ChunkModels {
  readonly draft: Categorical | undefined
  readonly target?: Categorical
  readonly sparse?: SparseTarget
  readonly reference: Categorical | undefined
  readonly gold_R: tf.Tensor1D
}
type ChunkOf = (draft: Categorical) => Chunk

/** Runs over all rows once for the loss's own batch statistics, if it has any. */
export const batchStatistics = (pass: Pass, which: "draft" | "reference" = "draft"): ReadonlyArray<number> => {
  const { batch } = pass.loss
  if (batch === undefined) return []
  const rows = pass[which]!
  const N = pass.gold_N.length
  let sum_M: Float64Array | undefined
  for (const [start, count] of chunks(N, pass.chunkRows)) {
    const [sums, M] = tf.tidy(() => {
      // never in part: a loss with batch statistics has no form for it
      const rows_RM = batch.rows(chunkAt(pass, rows, start, count, []) as LossChunk)
      return [rows_RM.dataSync(), rows_RM.shape[1]] as const
    })
    sum_M ??= new Float64Array(M)
    for (let i = 0; i < sums.length; i++) sum_M[i % M]! += sums[i]!
  }
  return batch.combine(sum_M!, N)
}

/** The loss's view of one chunk, with the given rows in the draft's place. Belongs to the caller's tidy. */
export const chunkAt = (pass: Pass, draft: Rows, start: number, count: number, batch: ReadonlyArray<number>): Chunk =>
  lossChunk(
    pass,
    new Categorical(logits(draft, start, count)),
    pass.loss.target ? targetAt(pass, start, count) : {},
    tf.tensor1d(pass.gold_N.subarray(start, start + count), "int32"),
    start,
    batch,
  )

const lossChunk = (
  { loss, uniform_N }: Pass,
  draft: Categorical,
  { target, sparse }: ReturnType<typeof targetAt>,
  gold_R: tf.Tensor1D,
  start: number,
  batch: ReadonlyArray<number>,
): Chunk => {
  if (loss.target && sparse !== undefined) return { draft, sparse, gold_R }
  const uniform_R = uniform_N.subarray(start, start + gold_R.shape[0])
  return { draft, target: loss.target ? target : undefined, gold_R, uniform_R, batch }
}

/**
 * Computes the named statistics of all rows.
 *
 * @returns a Float32Array of length N for each name, nothing for the others
 * @error if a statistic needs a model that the pass does not have (the types of `defineFilter` rule it out)
 */
export const statisticsPass = (pass: Pass, wanted: ReadonlyArray<Statistic>): Partial<Statistics> => {
  const known = pass.known ?? {}
  const needs = wanted.filter((name) => known[name as ReferenceStatistic] === undefined)
  const N = pass.gold_N.length
  const { loss } = pass
  const reads = modelsRead(needs, loss)
  if (reads.has("reference") && pass.reference === undefined) throw missing("reference", needs)
  if (reads.has("target") && pass.target === undefined && pass.cached === undefined) throw missing("target", needs)

  const fused = fusedStatistics(pass, needs)
  if (fused !== undefined) return { ...known, ...fused }

  const ofDraft = needs.includes("draftLoss_N") ? batchStatistics(pass, "draft") : []
  const ofReference = needs.includes("referenceLoss_N") ? batchStatistics(pass, "reference") : []
  const out = Object.fromEntries(needs.map((name) => [name, new Float32Array(N)])) as Record<Statistic, Float32Array>
  for (const [start, count] of needs.length === 0 ? [] : chunks(N, pass.chunkRows)) {
    tf.tidy(() => {
      const models: ChunkModels = {
        draft: reads.has("draft") ? new Categorical(logits(pass.draft, start, count)) : undefined,
        ...(reads.has("target") ? targetAt(pass, start, count) : {}),
        reference: reads.has("reference") ? new Categorical(logits(pass.reference!, start, count)) : undefined,
        gold_R: tf.tensor1d(pass.gold_N.subarray(start, start + count), "int32"),
      }
      for (const name of needs) {
        const batch = name === "referenceLoss_N" ? ofReference : ofDraft
        // no tidy of its own: what a Categorical remembers must live until the chunk ends
        const value = statistic(name, models, loss, (draft) =>
          lossChunk(pass, draft, models, models.gold_R, start, batch),
        )
        out[name].set(value.dataSync(), start)
      }
    })
  }
  return { ...known, ...out }
}

const missing = (what: string, needs: ReadonlyArray<Statistic>) =>
  new Error(`the statistics ${needs.join(", ")} need a ${what}, and this arm has none: give the arm a ${what}`)
