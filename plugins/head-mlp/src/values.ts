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

/** The target's losses of a problem's rows as a function of a sequence's text: NaN at a token that is in no row. */
const lossesBySequence = ({ sequence_N, position_N }: Problem, loss_N: Float32Array) => {
  const bySequence = Map.groupBy(sequence_N.keys(), (n) => sequence_N[n]!)
  return (sequence: number, L: number): Float32Array => {
    const loss_L = new Float32Array(L).fill(Number.NaN)
    for (const n of bySequence.get(sequence) ?? []) loss_L[position_N[n]!] = loss_N[n]!
    return loss_L
  }
}

/**
 * The values at the token of each row, and at the token before.
 *
 * @param loss_N the target's losses of the rows, for a variable that reads them
 * @error InvalidInput (thrown) if no row has a value
 */
export const valuesOfRows = (
  { name, scale, values }: VariableInstance,
  bins: number,
  problem: Problem,
  pieceOf: PieceOf,
  loss_N?: Float32Array,
): RowValues => {
  const { sequence_N, position_N } = problem
  const textOf = problemTexts(problem)
  const known = new Map<number, Float64Array>()
  const lossesOf = loss_N && lossesBySequence(problem, loss_N)
  const valuesIn = (sequence: number): Float64Array => {
    let found = known.get(sequence)
    if (found === undefined) {
      const ids = textOf(sequence)
      const targetLoss = lossesOf?.(sequence, ids.length)
      known.set(
        sequence,
        (found = values({ ids, pieces: Array.from(ids, pieceOf), ...(targetLoss && { targetLoss }) })),
      )
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
