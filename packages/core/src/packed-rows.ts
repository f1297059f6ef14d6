/**
 * Packed rows: the sequences of a problem one after another, in fewer and longer rows than one for each sequence.
 *
 * Letters: B rows, T positions, N valid tokens.
 */
import type { Problem } from "./problem.ts"

/** Rows by their sequences: each sequence, the longest first, goes to the row with the fewest tokens so far. */
const divided = (length_S: Int32Array, order: ReadonlyArray<number>, B: number) => {
  const tokens_B = new Int32Array(B)
  const row_S = new Int32Array(length_S.length)
  for (const s of order) {
    let least = 0
    for (let b = 1; b < B; b++) if (tokens_B[b]! < tokens_B[least]!) least = b
    row_S[s] = least
    tokens_B[least]! += length_S[s]!
  }
  return { row_S, tokens_B, T: tokens_B.reduce((a, b) => Math.max(a, b), 0) }
}

/** The division into rows with the fewest positions; of equals that with the most rows, which are the shortest. */
const fewestPositions = (length_S: Int32Array, times: number) => {
  const order = Array.from(length_S.keys()).toSorted((a, b) => length_S[b]! - length_S[a]!) // The sort is stable.
  const longest = length_S[order[0]!]!
  const tokens = length_S.reduce((a, b) => a + b, 0)
  let best = divided(length_S, order, length_S.length)
  // With more rows than this, each is as long as the longest sequence, and the last ones are padding.
  for (let B = Math.min(length_S.length - 1, Math.ceil(tokens / longest)); B >= 1; B--) {
    const next = divided(length_S, order, B)
    if (next.T > times * longest) break
    if (B * next.T < best.tokens_B.length * best.T) best = next
  }
  return best
}

/**
 * The same problem in packed rows: the same valid tokens in the same order, each with its example and its position there.
 * `start_BT` keeps attention and positions within each sequence.
 *
 * @param problem with one sequence in each row
 * @param padId token that fills the right of a row
 * @param times a row is at most so many times as long as the longest sequence: longer rows have less padding. Attention
 *   without the native kernel takes time and memory in proportion to the square of a row's length
 */
export const packedRows = (problem: Problem, padId: number, times = 3): Problem => {
  const { ids_BT: ids, length_B: length_S, T: positions, row_N, sequence_N } = problem
  const { row_S, tokens_B, T } = fewestPositions(length_S, times)
  const B = tokens_B.length
  const ids_BT = new Int32Array(B * T).fill(padId)
  const start_BT = new Int32Array(B * T)
  for (let n = 0; n < B * T; n++) start_BT[n] = (n % T) + 1
  const end_B = new Int32Array(B)
  const first_S = Int32Array.from(length_S, (length, s) => {
    const [b, from] = [row_S[s]!, s * positions]
    const t = end_B[b]!
    end_B[b] = t + length
    ids_BT.set(ids.subarray(from, from + length), b * T + t)
    start_BT.fill(t, b * T + t, b * T + t + length)
    return b * T + t
  })
  return {
    ...problem,
    ...{ B, T, ids_BT, start_BT, length_B: tokens_B },
    row_N: row_N.map((row, n) => first_S[sequence_N[n]!]! + row - sequence_N[n]! * positions),
  }
}
