/**
 * Chunks of logits, and a loss on them: the parts of the plain form of a head.
 *
 * Letters: N rows, R rows of a chunk, V vocabulary. Logits exist for one chunk at a time; nothing of size [N, V] ever
 * exists.
 */
import {
  Categorical,
  type LossChunk,
  type LossInstance,
  type RowLoss,
  type SparseChunk,
  type SparseTarget,
} from "@winnow/core"
import { gradients, headLogits, onFreshTape, tf } from "@winnow/tensor"
import { fullLogits, sparseTarget } from "../signals/rows.ts"
import type { Pass, Rows } from "./pass.ts"

/**
 * Rows of a chunk: about 26 MB of logits, so that a chunk's few [R, V] tensors stay small beside the model while each
 * product has enough rows to be fast (128 rows at V = 50 304).
 */
export const chunkRowsFor = (vocabulary: number): number =>
  Math.max(16, Math.min(2048, Math.round(6.5e6 / vocabulary / 16) * 16))

/** Logits of rows [start, start + count). They belong to the caller's tidy. */
export const logits = (rows: Rows, start: number, count: number): tf.Tensor2D =>
  headLogits(tf.slice2d(rows.h_Nd, [start, 0], [count, -1]), rows.head_Vd, rows.logitCap)

/**
 * [start, count] of the fewest chunks of at most `chunkRows` rows that cover N, all of about one size, as a short one
 * is slow. There are at least two (for N > 1): logits of all N rows never exist at once, even for a small vocabulary.
 */
export function* chunks(N: number, chunkRows: number): Generator<readonly [start: number, count: number]> {
  const size = Math.ceil(N / Math.max(2, Math.ceil(N / chunkRows)))
  for (let start = 0; start < N; start += size) yield [start, Math.min(size, N - start)]
}

/** The input of a loss for a chunk, with a whole or a partly known target. */
export type Chunk = LossChunk | SparseChunk

/** A target that is known whole, in part, or not at all. */
export interface ChunkTarget {
  readonly target?: Categorical
  readonly sparse?: SparseTarget
}

/** The target's logits of rows [start, start + count), or their part in a cache. They belong to the caller's tidy. */
export const targetAt = ({ target, cached }: Pass, start: number, count: number): ChunkTarget => {
  if (cached === undefined) return { target: new Categorical(logits(target!, start, count)) }
  if (cached.kind === "full") return { target: new Categorical(fullLogits(cached, start, count)) }
  return { sparse: sparseTarget(cached, start, count) }
}

/** The gold tokens of rows [start, start + count). They belong to the caller's tidy. */
export const goldAt = ({ gold_N }: Pass, start: number, count: number): tf.Tensor1D =>
  tf.tensor1d(gold_N.subarray(start, start + count), "int32")

/** @error if the loss has no form for such a target; `signalProblems` reports it before any work */
const sparseOf = ({ name, sparse }: LossInstance) => {
  if (sparse !== undefined) return sparse
  throw new Error(
    `loss ${name} cannot be computed from a part of the target: set signals.target to live, hidden or full`,
  )
}

/** The loss's view of a chunk whose parts exist already. */
export const lossChunk = (
  loss: LossInstance,
  { uniform_N, step, steps }: Pick<Pass, "uniform_N" | "step" | "steps">,
  draft: Categorical,
  { target, sparse }: ChunkTarget,
  gold_R: tf.Tensor1D,
  start: number,
  batch: ReadonlyArray<number>,
): Chunk => {
  if (loss.target && sparse !== undefined) return { draft, sparse, gold_R, step, steps }
  const uniform_R = uniform_N.subarray(start, start + gold_R.shape[0])
  return { draft, target: loss.target ? target : undefined, gold_R, uniform_R, step, steps, batch }
}

/** The loss's view of one chunk, with the rows in the draft's place. It belongs to the caller's tidy. */
export const chunkAt = (
  loss: LossInstance,
  pass: Pass,
  draft: Rows,
  start: number,
  count: number,
  batch: ReadonlyArray<number>,
): Chunk =>
  lossChunk(
    loss,
    pass,
    new Categorical(logits(draft, start, count)),
    loss.target ? targetAt(pass, start, count) : {},
    goldAt(pass, start, count),
    start,
    batch,
  )

/** The loss of each row of a chunk, [R]. */
export const lossValue = (loss: LossInstance, chunk: Chunk): tf.Tensor1D =>
  "sparse" in chunk ? sparseOf(loss).value(chunk) : loss.value(chunk)

/** Value and gradient of a chunk: in closed form, or by autodiff if the loss has none. */
export const lossOf = (loss: LossInstance, chunk: Chunk): RowLoss => {
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
