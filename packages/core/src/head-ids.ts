/**
 * Heads that predict some of the ids only: a draft with a smaller vocabulary reads every id of the target's, and its head
 * has a row for each id that it can propose.
 *
 * Letters: V ids, U rows of a head.
 */
import { InvalidInput } from "./errors.ts"

/** The ids that a head predicts; in files `d2t` and `t2d`. */
export interface HeadIds {
  /** The id of each row, increasing: equal logits are then in the order of their ids. */
  readonly id_U: Int32Array
  /** The row of each id, -1 for an id without one. */
  readonly row_V: Int32Array
}

/**
 * The ids of a head, and the way back.
 *
 * @error InvalidInput (thrown) for ids that do not increase, or that are not among the V of the model
 */
export const headIds = (id_U: Int32Array, V: number): HeadIds => {
  const odd = id_U.findIndex((id, u) => !(id < V && id > (u === 0 ? -1 : id_U[u - 1]!)))
  if (odd >= 0 || id_U.length === 0) {
    const found = odd < 0 ? "there are none" : `row ${odd} has id ${id_U[odd]}`
    throw new InvalidInput({
      what: "ids of a head",
      problems: [`${found}; expected increasing ids from 0 to ${V - 1}`],
    })
  }
  const row_V = new Int32Array(V).fill(-1)
  for (const [u, id] of id_U.entries()) row_V[id] = u
  return { id_U, row_V }
}

/** Rows of a model's head: U, or V where each id has one. */
export const headRowsOf = ({
  headRows,
  vocabularySize,
}: {
  readonly headRows?: number
  readonly vocabularySize: number
}): number => headRows ?? vocabularySize

/** True if two heads predict the same ids; undefined stands for all ids. */
export const sameHeadIds = (a: HeadIds | undefined, b: HeadIds | undefined): boolean =>
  a === b ||
  (a !== undefined && b !== undefined && a.id_U.length === b.id_U.length && a.id_U.every((id, u) => id === b.id_U[u]))
