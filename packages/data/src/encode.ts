/**
 * Examples as token ids, with the border between what is read (the prompt) and what is trained (answer and end).
 *
 * Letters: L tokens of one sequence, the end included.
 */
import { type EncodedExample, type Example, firstTrained, type InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import type { EncodeOptions } from "./codec.ts"
import type { Tokenizer } from "./tokenizer.ts"

/**
 * Where the trained tokens of each example begin, if those of all are put in one row: [examples + 1], the last is their number.
 *
 * The order of a batch's rows within one of its sequences is that of this row of tokens.
 */
export const trainedOffsets = (examples: ReadonlyArray<EncodedExample>): Float64Array => {
  const offset_E = new Float64Array(examples.length + 1) // not int32: 2^31 tokens are not too many
  for (const [e, { ids, promptLength }] of examples.entries())
    offset_E[e + 1] = offset_E[e]! + ids.length - firstTrained(promptLength)
  return offset_E
}

/** How many examples spell a special token, and how it was encoded. */
export interface SpelledToken {
  /** The special token's text. */
  readonly token: string
  /** Examples that spell it, in the prompt or the answer; those that were left out are counted too. */
  readonly examples: number
}

/** Examples whose text the tokenizer changes or drops in part, such as a letter that it does not know. */
export interface ChangedText {
  readonly examples: number
  /** Of the first of them, from where they part: what was written, and what its ids say. */
  readonly written: string
  readonly read: string
}

/** The examples of a split that fit, and what was left out. */
export interface EncodedTask {
  readonly examples: ReadonlyArray<EncodedExample>
  /** Index of each kept example in the examples given, for scoring. */
  readonly source: Int32Array
  /** Examples longer than `maxLength`: left out whole, never cut. */
  readonly dropped: number
  readonly maxLength: number
  /** Of the kept examples: tokens in all, and those that are trained. */
  readonly tokens: number
  readonly trained: number
  /** Special tokens that texts spell, the most frequent first. */
  readonly spelled: ReadonlyArray<SpelledToken>
  /** How such text was encoded. */
  readonly specialTokens: "text" | "ids"
  /** The examples of a pass, by number, where that is not each once: a mixture has some several times. */
  readonly pass?: Int32Array
  /** Left out where the ids of every text say that text. */
  readonly changed?: ChangedText
}

/**
 * Encodes examples. Prompt and answer are encoded apart, so that no token spans the border: at decoding time the model gets
 * exactly these prompt tokens.
 *
 * @error InvalidInput for a text that the tokenizer cannot encode
 */
export const encodeExamples = (
  examples: ReadonlyArray<Example>,
  tokenizer: Tokenizer,
  options: EncodeOptions = {},
): Effect.Effect<ReadonlyArray<EncodedExample>, InvalidInput> =>
  Effect.map(
    tokenizer.encode(
      examples.flatMap(({ prompt, answer }) => [prompt, answer]),
      options,
    ),
    (texts) =>
      examples.map((_, i): EncodedExample => {
        const [prompt, answer] = [texts[2 * i]!, texts[2 * i + 1]!]
        const ids = new Int32Array(prompt.length + answer.length + 1)
        ids.set(prompt)
        ids.set(answer, prompt.length)
        ids[ids.length - 1] = tokenizer.eosId
        return { ids, promptLength: prompt.length }
      }),
  )

/** Examples that are looked at between two turns of the event loop: some 20 ms. */
const stretch = 500

/** Special tokens that the examples spell, the most frequent first. */
const spelledIn = Effect.fnUntraced(function* (examples: ReadonlyArray<Example>, { spelled }: Tokenizer) {
  const counts = new Map<string, number>()
  for (const [i, { prompt, answer }] of examples.entries()) {
    if (i % stretch === 0) yield* Effect.yieldNow
    for (const token of new Set([...spelled(prompt), ...spelled(answer)]))
      counts.set(token, (counts.get(token) ?? 0) + 1)
  }
  return Array.from(counts, ([token, examples]): SpelledToken => ({ token, examples })).sort(
    (a, b) => b.examples - a.examples,
  )
})

/** Examples that do not come back from their ids as they were written. */
const changedIn = Effect.fnUntraced(function* (
  examples: ReadonlyArray<Example>,
  encoded: ReadonlyArray<EncodedExample>,
  { decode }: Tokenizer,
) {
  let first: Omit<ChangedText, "examples"> | undefined
  let count = 0
  for (const [i, { prompt, answer }] of examples.entries()) {
    if (i % stretch === 0) yield* Effect.yieldNow
    const { ids, promptLength } = encoded[i]!
    const back = [decode(ids.subarray(0, promptLength)), decode(ids.subarray(promptLength, -1))]
    const part = [prompt, answer].findIndex((text, j) => text !== back[j])
    if (part < 0) continue
    count++
    if (first !== undefined) continue
    const [written, read] = [[prompt, answer][part]!, back[part]!]
    let at = 0
    while (at < written.length && written[at] === read[at]) at++
    const from = Math.max(0, at - 10)
    first = { written: written.slice(from, from + 40), read: read.slice(from, from + 40) }
  }
  const found: ChangedText | undefined = first && { examples: count, ...first }
  return found
})

/**
 * Encodes a split of a task.
 *
 * @param maxLength most tokens of a sequence, the end included; longer examples are dropped and counted
 * @error InvalidInput for a text that the tokenizer cannot encode
 */
export const encodeTask = (
  examples: ReadonlyArray<Example>,
  tokenizer: Tokenizer,
  { maxLength, specialTokens = "text" }: { readonly maxLength: number } & EncodeOptions,
): Effect.Effect<EncodedTask, InvalidInput> =>
  Effect.gen(function* () {
    const all = yield* encodeExamples(examples, tokenizer, { specialTokens })
    const kept: Array<EncodedExample> = []
    const source: Array<number> = []
    let tokens = 0
    let trained = 0
    for (const [i, encoded] of all.entries()) {
      if (encoded.ids.length > maxLength) continue
      kept.push(encoded)
      source.push(i)
      tokens += encoded.ids.length
      trained += encoded.ids.length - firstTrained(encoded.promptLength)
    }
    const changed = yield* changedIn(examples, all, tokenizer)
    return {
      examples: kept,
      source: Int32Array.from(source),
      dropped: examples.length - kept.length,
      maxLength,
      tokens,
      trained,
      spelled: yield* spelledIn(examples, tokenizer),
      specialTokens,
      ...(changed && { changed }),
    }
  })
