/**
 * The ids that a text has most often: the vocabulary of a smaller head.
 *
 * Letters: V ids, U chosen ones.
 */
import { type EncodedExample, firstTrained } from "@winnow/core"

/** The chosen ids, and the tokens of the text that they cover. */
export interface FrequentIds {
  /** Increasing. */
  readonly id_U: Int32Array
  /** Tokens to predict: those of prompts do not count. */
  readonly tokens: number
  /** Of these, the tokens with another id. */
  readonly outside: number
}

/**
 * The U most frequent ids among the tokens to predict; of equal counts the lower id. An id that the text does not have is
 * chosen only where the text has fewer than U.
 */
export const frequentIds = (examples: ReadonlyArray<EncodedExample>, V: number, U: number): FrequentIds => {
  const count_V = new Float64Array(V)
  for (const { ids, promptLength } of examples)
    for (let t = firstTrained(promptLength); t < ids.length; t++) count_V[ids[t]!]!++
  const byCount = Array.from(count_V.keys()).sort((a, b) => count_V[b]! - count_V[a]! || a - b)
  const sum = (ids: Iterable<number>) => {
    let total = 0
    for (const id of ids) total += count_V[id]!
    return total
  }
  return { id_U: Int32Array.from(byCount.slice(0, U)).sort(), tokens: sum(byCount), outside: sum(byCount.slice(U)) }
}
