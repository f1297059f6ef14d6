/**
 * Frozen models beside a draft whose head predicts some of the ids only: the target's distribution over these ids is
 * compared, p(v) / sum of p over them. Logits of its head's other rows are never computed.
 *
 * Rows whose gold token is another id are left out before (`entriesOf`).
 *
 * Letters: N rows, V ids, U ids of the draft's head.
 */
import type { HeadIds } from "@winnow/core"
import { sameHeadIds } from "@winnow/core"
import { rowsOf } from "@winnow/tensor"
import type { CachedRows } from "../signals/rows.ts"
import type { FrozenPass, Rows } from "./pass.ts"

const named = (ids: HeadIds | undefined) => (ids === undefined ? "all ids" : `${ids.id_U.length} ids`)

/**
 * The same rows with a head for these ids alone. It belongs to the caller's tidy.
 *
 * @param what the model in the error: "target", "reference"
 * @error Error for a head without a row for one of them
 */
const rowsWithin = (what: string, rows: Rows, ids: HeadIds | undefined): Rows => {
  if (sameHeadIds(rows.headIds, ids)) return rows
  const row_U = ids?.id_U.map((id) => rows.headIds?.row_V[id] ?? id)
  if (row_U === undefined || row_U.includes(-1))
    throw new Error(
      `the ${what} predicts ${named(rows.headIds)}, the draft ${named(ids)}; expected a row for each id of the draft: ` +
        "give both the same vocabulary",
    )
  return { ...rows, head_Vd: rowsOf(rows.head_Vd, row_U), headIds: ids }
}

/** Cached rows with the logits of these ids alone. @error Error for a part of the target, refused before any work */
const cachedWithin = (rows: CachedRows, { id_U }: HeadIds): CachedRows => {
  if (rows.kind !== "full")
    throw new Error(`${rows.k} tokens of the target do not give its distribution over the draft's ${id_U.length} ids`)
  return {
    kind: "full",
    V: id_U.length,
    row: (n) => {
      const row_V = rows.row(n)
      return Float32Array.from(id_U, (id) => row_V[id]!)
    },
  }
}

/** The row of the head of each gold token; 0 for one without, whose row nobody reads. */
export const goldRows = (gold_N: Int32Array, ids: HeadIds | undefined): Int32Array =>
  ids === undefined ? gold_N : gold_N.map((id) => Math.max(0, ids.row_V[id]!))

/** A pass with golds, target and reference of the draft's ids. It belongs to the caller's tidy. */
export const passWithin = (pass: FrozenPass, ids: HeadIds | undefined): FrozenPass => {
  const { target, reference, cached } = pass
  if (ids === undefined && target?.headIds === undefined && reference?.headIds === undefined) return pass
  return {
    ...pass,
    target: target && rowsWithin("target", target, ids),
    reference: reference && rowsWithin("reference", reference, ids),
    cached: cached && ids ? cachedWithin(cached, ids) : cached,
    gold_N: goldRows(pass.gold_N, ids),
  }
}
