/**
 * The entries of a draft on a batch: hidden states, and the valid rows that they predict.
 *
 * Letters: B sequences, T positions, N valid rows of the batch, M rows of an entry, d hidden size.
 */
import {
  type Draft,
  type DraftRows,
  InvalidInput,
  isDraftHead,
  type Problem,
  type Seen,
  type SeenName,
  vocabularyHead,
} from "@winnow/core"
import type { Batch } from "@winnow/data"
import { finalNorm, frozenEmbedding } from "@winnow/models"
import { gatherRows, tf } from "@winnow/tensor"
import type { CachedStates } from "./signals/states.ts"
import { take } from "./take.ts"
import { hiddenOf, targetStates } from "./target-states.ts"

/** The valid rows [N, d] of [B, T, d]. */
export const validRows = (h_BTd: tf.Tensor3D, row_N: tf.Tensor1D): tf.Tensor2D =>
  gatherRows(tf.reshape(h_BTd, [-1, h_BTd.shape[2]]), row_N)

/** The values that a draft reads; for a model, the tokens. They belong to the caller's tidy. */
export type SeenBy = Pick<Seen, "ids"> & Partial<Seen>

/**
 * @param stored the target's states from a cache, in the place of a pass
 * @error InvalidInput (thrown) for a head that reads the text of tokens, and has none
 */
export const seenBy = (
  draft: Draft,
  problem: Problem,
  ids_BT: tf.Tensor2D,
  stored?: ReturnType<CachedStates["of"]>,
): SeenBy => {
  if (!isDraftHead(draft)) return { ids: ids_BT }
  const { trunk: target = draft.target, layers = [], reads, pieceOf } = draft
  const has = (name: SeenName) => reads.includes(name)
  if (pieceOf === undefined && has("pieceOf")) {
    const problems = ["reads the text of tokens, and it has no tokenizer; give pieceOf where the head is made or read"]
    throw new InvalidInput({ what: `head ${draft.name}`, problems })
  }
  const computed = () =>
    has("targetLayers")
      ? targetStates(target, problem, ids_BT, layers)
      : has("targetHidden") && { targetHidden: tf.tidy(() => hiddenOf(target, problem, ids_BT)) }
  return {
    ids: ids_BT,
    ...(pieceOf && { pieceOf }),
    ...(stored ?? computed()),
    ...(has("targetEmbedding") && { targetEmbedding: frozenEmbedding(target) }),
    ...(has("targetHead") && { targetHead: target.head_Vd }),
    ...(has("targetNorm") && { targetNorm: (x_Nd, own) => finalNorm(target, x_Nd, own) }),
  }
}

/** True for a head whose copy of the target is trained: a step computes its values on the tape. */
export const movesTrunk = (draft: Draft): boolean => isDraftHead(draft) && draft.trunk !== undefined

/** The entry without the rows whose gold token its head does not predict. */
const withinHead = (entry: DraftRows, gold_N: Int32Array): DraftRows => {
  const { headIds, at_M = Int32Array.from(gold_N.keys()) } = entry
  if (headIds === undefined) return entry
  const has = (n: number) => headIds.row_V[gold_N[n]!]! >= 0
  const left = Int32Array.from(at_M.keys()).filter((m) => has(at_M[m]!))
  if (left.length === at_M.length) return entry
  const index = tf.tensor1d(left, "int32")
  const { h_Md, added_M } = entry
  return {
    ...entry,
    ...{ h_Md: gatherRows(h_Md, index), at_M: take(at_M, left) },
    ...(added_M && { added_M: tf.gather(added_M, index) }),
  }
}

/**
 * The entries of a draft that have rows, on the tape if there is one. A row whose gold token the head does not predict is
 * left out: no draft of these ids could be right there.
 *
 * @error InvalidInput (thrown) if none has rows
 */
export const entriesOf = (draft: Draft, batch: Batch, seen: SeenBy, row_N: tf.Tensor1D): ReadonlyArray<DraftRows> => {
  const withRows = (entries: ReadonlyArray<DraftRows>) =>
    entries.map((entry) => withinHead(entry, batch.gold_N)).filter(({ h_Md }) => h_Md.shape[0] > 0)
  if (!isDraftHead(draft)) {
    const head = vocabularyHead(draft)
    const { headIds } = head
    const entry: DraftRows = { h_Md: validRows(hiddenOf(draft, batch, seen.ids), row_N), ...head }
    if (headIds === undefined) return [entry]
    const entries = withRows([entry])
    if (entries.length > 0) return entries
    throw new InvalidInput({
      what: "the draft's vocabulary",
      problems: [
        `has none of the ${batch.row_N.length} tokens that a batch is to predict, with ${headIds.id_U.length} ids; give it more ids`,
      ],
    })
  }
  // A head gets only the values that it reads.
  const entries = withRows(draft.rows(batch, seen as Seen))
  if (entries.length > 0) return entries
  throw new InvalidInput({
    what: `head ${draft.name}`,
    problems: [
      `has no row to predict in a batch of ${batch.row_N.length} valid tokens: each needs an earlier position in its sequence; ` +
        "use longer prompts or answers, or a head that looks less far ahead",
    ],
  })
}

/** The valid tokens that an entry predicts, [M] each. */
export type EntryTokens = Pick<Batch, "gold_N" | "sequence_N" | "position_N">

export const tokensOf = ({ gold_N, sequence_N, position_N }: Batch, at_M: Int32Array | undefined): EntryTokens =>
  at_M === undefined
    ? { gold_N, sequence_N, position_N }
    : { gold_N: take(gold_N, at_M), sequence_N: take(sequence_N, at_M), position_N: take(position_N, at_M) }
