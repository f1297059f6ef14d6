/** Texts of a set, with the place of each token among all tokens of the set. N tokens of all texts. */
import { type EncodedExample, firstTrained } from "@winnow/core"
import type { Rollout } from "@winnow/generation"

/** A set of texts: finished ones, of a model or of a data set. */
export interface Texts {
  readonly texts: ReadonlyArray<Rollout>
  /** The place of each text's first token. */
  readonly from: ReadonlyArray<number>
  readonly N: number
}

/** A set of these texts. */
export const textsOf = (texts: ReadonlyArray<Rollout>): Texts => {
  const from: Array<number> = []
  let N = 0
  for (const { tokens } of texts) {
    from.push(N)
    N += tokens.length
  }
  return { texts, from, N }
}

/** An example of a data set as a finished text: its trained tokens follow the rest. */
export const textOfExample = ({ ids, promptLength }: EncodedExample): Rollout => {
  const prompt = firstTrained(promptLength)
  return {
    prompt: Int32Array.from(ids.subarray(0, prompt)),
    tokens: Int32Array.from(ids.subarray(prompt)),
    finish: "length",
    limit: ids.length - prompt,
  }
}

/** The texts, each cut where a model of this context ends. */
export const cutTo = (texts: ReadonlyArray<Rollout>, context: number): ReadonlyArray<Rollout> =>
  texts.map((text) => ({ ...text, tokens: text.tokens.subarray(0, Math.max(0, context - text.prompt.length)) }))

/** Numbers of each text in one array [N]; NaN where a text has fewer than tokens. */
export const joined = ({ texts, from, N }: Texts, each: ReadonlyArray<ArrayLike<number>>): Float32Array => {
  const all_N = new Float32Array(N).fill(Number.NaN)
  for (const [i, { tokens }] of texts.entries())
    for (let t = 0; t < Math.min(tokens.length, each[i]!.length); t++) all_N[from[i]! + t] = each[i]![t]!
  return all_N
}
