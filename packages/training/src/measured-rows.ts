/**
 * The rows that a trained draft predicts of a problem, and the frozen target's: for measures.
 *
 * Letters: N valid rows of a problem.
 */
import {
  type Draft,
  type DraftHead,
  type DraftRows,
  type Encoder,
  isDraftHead,
  type Problem,
  type Seen,
  vocabularyHead,
} from "@winnow/core"
import { tf } from "@winnow/tensor"
import { seenBy, validRows } from "./draft-entries.ts"
import { hiddenOf } from "./target-states.ts"

const idsOf = ({ ids_BT, B, T }: Problem) => tf.tensor2d(ids_BT, [B, T], "int32")

/** One entry with all N rows of a problem. Belongs to the caller's tidy. */
export const modelRows = (model: Encoder, problem: Problem): DraftRows => ({
  h_Md: tf.tidy(() => validRows(hiddenOf(model, problem, idsOf(problem)), tf.tensor1d(problem.row_N, "int32"))),
  ...vocabularyHead(model),
})

/**
 * The entries of a draft for a problem, including entries without a row. They belong to the caller's tidy.
 *
 * For a head the target runs to compute the values that it reads.
 */
export const measuredRows = (draft: Draft, problem: Problem): ReadonlyArray<DraftRows> =>
  // A head gets only the values that it reads.
  isDraftHead(draft) ? draft.rows(problem, seenBy(draft, problem, idsOf(problem)) as Seen) : [modelRows(draft, problem)]

/** The rows of a draft's target as the draft leaves it: its own trained copy, or the frozen one. Belongs to the caller's tidy. */
export const leftRows = (draft: DraftHead, problem: Problem): DraftRows =>
  modelRows(draft.trunk ?? draft.target, problem)
