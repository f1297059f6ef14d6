/**
 * The input rows of a head: hidden states of the valid tokens, and the known signals of the frozen models at them.
 *
 * Letters: N valid rows, K kept rows, V vocabulary, d and D hidden sizes of draft and target.
 */
import {
  type HeadIds,
  InvalidInput,
  type ModelRole,
  type OwnClasses,
  type ReferenceStatistic,
  type Statistics,
} from "@winnow/core"
import { gatherRows, type HeadRows, type TrainedRows, type tf } from "@winnow/tensor"
import { type CachedRows, takeRows } from "../signals/rows.ts"
import { take } from "../take.ts"

/** Hidden states of the valid rows and the head that turns them into logits. */
export interface Rows extends HeadRows {
  /** The ids of the head's rows; all if left out. The rows of a pass all have the same. */
  readonly headIds?: HeadIds | undefined
}

/** The reference's statistics of a batch, [N] each. */
export type ReferenceLosses = Partial<Pick<Statistics, ReferenceStatistic>>

/** The inputs of a head. A frozen model that no computation reads is left out. */
export interface Pass {
  readonly draft: TrainedRows
  readonly target?: Rows | undefined
  /** The target from a cache without hidden states, in place of `target`. */
  readonly cached?: CachedRows | undefined
  readonly reference?: Rows | undefined
  /** The reference's statistics from a cache. */
  readonly known?: ReferenceLosses | undefined
  /** The gold token of each row: its row of the head. */
  readonly gold_N: Int32Array
  /** One uniform draw in [0, 1) a row, for losses that sample. */
  readonly uniform_N: Float32Array
  /** Optimizer steps done so far, and steps of the whole stage. */
  readonly step: number
  readonly steps: number
}

/** A pass without the draft's rows. */
export type FrozenPass = Omit<Pass, "draft">

/** The frozen models at some of the rows. They belong to the caller's tidy. @param index_M the same rows as a tensor */
export const takeFrozen = (pass: FrozenPass, at_M: Int32Array, index_M: tf.Tensor1D): FrozenPass => {
  const gathered = (rows: Rows | undefined) => rows && { ...rows, h_Nd: gatherRows(rows.h_Nd, index_M) }
  const { known: cachedLosses, cached } = pass
  return {
    target: gathered(pass.target),
    cached: cached && takeRows(cached, at_M),
    reference: gathered(pass.reference),
    known:
      cachedLosses &&
      Object.fromEntries(Object.entries(cachedLosses).map(([name, values]) => [name, take(values, at_M)])),
    gold_N: take(pass.gold_N, at_M),
    uniform_N: take(pass.uniform_N, at_M),
    step: pass.step,
    steps: pass.steps,
  }
}

/**
 * The pass of an entry with classes of its own.
 *
 * @param reads the models that the filter and the loss read
 * @error InvalidInput (thrown) for a frozen model among them, as it has no distribution over the classes
 */
export const classPass = (
  { uniform_N, step, steps }: FrozenPass,
  { gold_M }: OwnClasses,
  reads: ReadonlySet<ModelRole>,
): FrozenPass => {
  const frozen = [...reads].filter((role) => role !== "draft")
  if (frozen.length === 0) return { gold_N: gold_M, uniform_N, step, steps }
  const fault = `it predicts classes of its own, and the ${frozen.join(" and the ")} has no distribution over them`
  throw new InvalidInput({ what: "head", problems: [`${fault}; take a filter and a loss of the draft alone`] })
}

/** The rows with a weight above 0, in order. */
export const keptRows = (weights_N: Uint8Array | Float32Array): Int32Array => {
  let K = 0
  for (let n = 0; n < weights_N.length; n++) if (weights_N[n]! > 0) K++
  const kept_K = new Int32Array(K)
  for (let n = 0, k = 0; n < weights_N.length; n++) if (weights_N[n]! > 0) kept_K[k++] = n
  return kept_K
}

/**
 * The pass of some rows, for the loss only: without the reference. It belongs to the caller's tidy.
 *
 * @param index_K the same rows as a tensor
 * @param withTarget false if the loss reads no target
 */
export const takePass = (pass: Pass, kept_K: Int32Array, index_K: tf.Tensor1D, withTarget: boolean): Pass => {
  const { draft, target, cached, gold_N, uniform_N, step, steps } = pass
  const ofLoss = { target: withTarget ? target : undefined, cached, gold_N, uniform_N, step, steps }
  if (kept_K.length === gold_N.length) return { draft, ...ofLoss }
  return {
    draft: { ...draft, h_Nd: gatherRows(draft.h_Nd, index_K) },
    ...takeFrozen(ofLoss, kept_K, index_K),
  }
}
