/**
 * The values of a variable at the rows of a problem.
 *
 * Letters: N valid rows of a problem, M rows that have a value.
 */
import {
  binMiddles,
  classOf,
  InvalidInput,
  type OwnClasses,
  type PieceOf,
  type Problem,
  problemTexts,
  type VariableInstance,
} from "@winnow/core"

/** The rows with a value of the variable at their token. */
export interface RowValues extends OwnClasses {
  /** Rows of the problem, increasing, [M]. */
  readonly at_M: Int32Array
  /** 1 + the class of the token before the row's, 0 where it has none, [M]. */
  readonly previous_M: Int32Array
}

/**
 * The values at the token of each row, and at the token before.
 *
 * @error InvalidInput (thrown) if no row has a value
 */
export const valuesOfRows = (
  { name, scale, values }: VariableInstance,
  bins: number,
  problem: Problem,
  pieceOf: PieceOf,
): RowValues => {
  const { sequence_N, position_N } = problem
  const textOf = problemTexts(problem)
  const known = new Map<number, Float64Array>()
  const valuesIn = (sequence: number): Float64Array => {
    let found = known.get(sequence)
    if (found === undefined) {
      const ids = textOf(sequence)
      known.set(sequence, (found = values({ ids, pieces: Array.from(ids, pieceOf) })))
    }
    return found
  }
  const valueAt = (n: number, back: number) => valuesIn(sequence_N[n]!)[position_N[n]! - back] ?? Number.NaN
  const at_M = Int32Array.from(sequence_N.keys().filter((n) => !Number.isNaN(valueAt(n, 0))))
  if (at_M.length === 0) {
    const problems = [`has no value at any of the ${sequence_N.length} tokens of a batch; train on other text`]
    throw new InvalidInput({ what: `variable ${name}`, problems })
  }
  const classAt = (n: number, back: number) => classOf(scale, bins, valueAt(n, back))
  return {
    at_M,
    gold_M: at_M.map((n) => classAt(n, 0)),
    previous_M: at_M.map((n) => (Number.isNaN(valueAt(n, 1)) ? 0 : 1 + classAt(n, 1))),
    ...(scale.kind === "number" && {
      numbers: { middle_C: binMiddles(scale, bins), exact_M: Float32Array.from(at_M, (n) => valueAt(n, 0)) },
    }),
  }
}
