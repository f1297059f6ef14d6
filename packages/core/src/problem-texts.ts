/** The texts of a problem, put together again from its inputs and its gold tokens. */
import type { Problem } from "./problem.ts"

/**
 * The whole text of each sequence of a problem, by its number in `sequence_N`; each is computed at its first use.
 *
 * A gold token stands at its position, whatever the draft reads there (a mask), so that for the next token the last one
 * is there too.
 *
 * @error RangeError for a sequence that has no row of the problem
 */
export const problemTexts = ({
  ids_BT,
  T,
  length_B,
  start_BT,
  row_N,
  gold_N,
  sequence_N,
  position_N,
}: Problem): ((sequence: number) => Int32Array) => {
  const texts = new Map<number, Int32Array>()
  const make = (sequence: number): Int32Array => {
    const first = sequence_N.indexOf(sequence)
    if (first < 0) throw new RangeError(`sequence ${sequence} has no row in this micro-batch; take one of sequence_N`)
    const b = Math.floor(row_N[first]! / T)
    const start = start_BT === undefined ? 0 : start_BT[row_N[first]!]!
    let end = start
    while (end < length_B[b]! && (start_BT === undefined || start_BT[b * T + end] === start)) end++
    const inputs = ids_BT.subarray(b * T + start, b * T + end)
    let length = inputs.length
    for (let n = first; n < sequence_N.length; n++)
      if (sequence_N[n] === sequence) length = Math.max(length, position_N[n]! + 1)
    const text = new Int32Array(length)
    text.set(inputs)
    for (let n = first; n < sequence_N.length; n++) if (sequence_N[n] === sequence) text[position_N[n]!] = gold_N[n]!
    return text
  }
  return (sequence) => {
    const text = texts.get(sequence) ?? make(sequence)
    texts.set(sequence, text)
    return text
  }
}
