/**
 * Examples as token ids, with the border between what is read (the prompt) and what is trained (answer and end).
 *
 * Letters: L tokens of one sequence, the end included.
 */
import type { Example } from "@winnow/core"
import type { Tokenizer } from "./tokenizer.ts"

/** One sequence: prompt, answer, end-of-sequence token. Token i is trained if i >= promptLength (and i > 0). */
export interface EncodedExample {
  /** [L] */
  readonly ids: Int32Array
  /** Tokens of the prompt, 0 to L - 1. */
  readonly promptLength: number
}

/** Position of the first token that is trained: the first of all has nothing before it to be predicted from. */
export const firstTrained = (promptLength: number): number => Math.max(1, promptLength)

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
}

/**
 * Encodes one example. Prompt and answer are encoded apart, so that no token spans the border: at decoding time the
 * model gets exactly these prompt tokens.
 */
export const encodeExample = (example: Example, tokenizer: Tokenizer): EncodedExample => {
  const prompt = tokenizer.encode(example.prompt)
  const answer = tokenizer.encode(example.answer)
  const ids = new Int32Array(prompt.length + answer.length + 1)
  ids.set(prompt)
  ids.set(answer, prompt.length)
  ids[ids.length - 1] = tokenizer.eosId
  return { ids, promptLength: prompt.length }
}

/**
 * Encodes a split of a task.
 *
 * @param maxLength most tokens of a sequence, the end included; longer examples are dropped and counted
 */
export const encodeTask = (
  examples: ReadonlyArray<Example>,
  tokenizer: Tokenizer,
  { maxLength }: { readonly maxLength: number },
): EncodedTask => {
  const kept: Array<EncodedExample> = []
  const source: Array<number> = []
  let tokens = 0
  let trained = 0
  for (const [i, example] of examples.entries()) {
    const encoded = encodeExample(example, tokenizer)
    if (encoded.ids.length > maxLength) continue
    kept.push(encoded)
    source.push(i)
    tokens += encoded.ids.length
    trained += encoded.ids.length - firstTrained(encoded.promptLength)
  }
  const dropped = examples.length - kept.length
  return { examples: kept, source: Int32Array.from(source), dropped, maxLength, tokens, trained }
}
