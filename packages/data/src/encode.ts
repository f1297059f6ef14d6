/**
 * Examples as token ids, with the border between the prompt, which is only read, and answer and end, which are trained.
 *
 * Letters: L tokens of one sequence, the end included.
 */
import { type EncodedExample, type Example, firstTrained, type InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import type { EncodeOptions } from "./codec.ts"
import type { Tokenizer } from "./tokenizer.ts"

/**
 * The first index of each example's trained tokens in a row of all examples' trained tokens: [examples + 1], the last
 * is their number.
 *
 * Within each sequence a batch's rows have the order of this row of tokens.
 */
export const trainedOffsets = (examples: ReadonlyArray<EncodedExample>): Float64Array => {
  const offset_E = new Float64Array(examples.length + 1) // Not int32: 2^31 tokens are possible.
  for (const [e, { ids, promptLength }] of examples.entries())
    offset_E[e + 1] = offset_E[e]! + ids.length - firstTrained(promptLength)
  return offset_E
}

/** The tokens of examples, and the trained ones among them. */
export const tokensOf = (examples: Iterable<EncodedExample>): { readonly tokens: number; readonly trained: number } => {
  let [tokens, trained] = [0, 0]
  for (const { ids, promptLength } of examples) {
    tokens += ids.length
    trained += ids.length - firstTrained(promptLength)
  }
  return { tokens, trained }
}

/** The number of examples that spell a special token, and its encoding. */
export interface SpelledToken {
  /** The special token's text. */
  readonly token: string
  /** Examples that spell it, in the prompt or the answer, including dropped ones. */
  readonly examples: number
}

/** Examples whose text the tokenizer changes or drops in part, such as an unknown letter. */
export interface ChangedText {
  readonly examples: number
  /** For the first of them, from the first difference: the written text, and the text of its ids. */
  readonly written: string
  readonly read: string
}

/** The examples of a split that fit, and the number of dropped ones. */
export interface EncodedTask {
  readonly examples: ReadonlyArray<EncodedExample>
  /** Index of each kept example among all examples, for scoring. */
  readonly source: Int32Array
  /** Examples longer than `maxLength`: left out whole, never cut. */
  readonly dropped: number
  readonly maxLength: number
  /** Tokens of the kept examples, and the trained ones among them. */
  readonly tokens: number
  readonly trained: number
  /** Special tokens that texts spell, the most frequent first. */
  readonly spelled: ReadonlyArray<SpelledToken>
  /** The encoding of such text. */
  readonly specialTokens: "text" | "ids"
  /** The examples of a pass, by number, unless it has each once: a mixture repeats some. */
  readonly pass?: Int32Array
  /** Examples of each part of a mixture whose parts have losses of their own, in order. */
  readonly parts?: ReadonlyArray<number>
  /** Left out if the ids of every text decode to that text. */
  readonly changed?: ChangedText
  /** The examples with a corrupted answer, by number; left out where there are none. */
  readonly corrupted?: ReadonlyArray<number>
}

/**
 * Encodes examples. Prompt and answer are encoded separately, so that no token spans the border: at decoding time the
 * model gets exactly these prompt tokens.
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

/** Examples that are processed between two turns of the event loop: some 20 ms. */
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

/** Examples whose ids decode to another text. */
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
  const changed: ChangedText | undefined = first && { examples: count, ...first }
  return changed
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
    for (const [i, encoded] of all.entries()) {
      if (encoded.ids.length > maxLength) continue
      kept.push(encoded)
      source.push(i)
    }
    const changed = yield* changedIn(examples, all, tokenizer)
    const corrupted = source.flatMap((from, i) => (examples[from]!.corrupted === true ? [i] : []))
    return {
      examples: kept,
      source: Int32Array.from(source),
      dropped: examples.length - kept.length,
      maxLength,
      ...tokensOf(kept),
      spelled: yield* spelledIn(examples, tokenizer),
      specialTokens,
      ...(changed && { changed }),
      ...(corrupted.length > 0 && { corrupted }),
    }
  })
