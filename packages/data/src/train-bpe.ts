/**
 * Trains byte-level BPE on a task's own text; the result is the content of a `tokenizer.json`.
 *
 * The merges are those of the `tokenizers` library's own trainer on the same text: the most frequent pair first, of
 * equally frequent ones the pair with the smaller left id, then the smaller right id.
 *
 * @source Sennrich et al. 2016; the incremental counts follow `tokenizers`
 */
import { InvalidInput } from "@winnow/core"
import { atOnce } from "@winnow/files"
import { byteAlphabet, byteCharacters, byteLevelStep, endOfText, specialToken, splitPattern } from "./byte-level.ts"
import { library } from "./library.ts"
import { MergeQueue } from "./merge-queue.ts"
import { makeTokenizer, type Tokenizer } from "./tokenizer.ts"
import { asciiWords } from "./word-memo.ts"

export interface BpeOptions {
  /** Number of ids, at least 257 (the end, 256 bytes); a text without further pairs gives fewer. */
  readonly vocabularySize: number
  /**
   * True if every digit is a token of its own (the default: a model learns carries only from single digits).
   * Otherwise runs of digits may merge, as in GPT-2.
   */
  readonly splitDigits?: boolean
  /** A pair seen less often is not merged; 2 by default, because a merge seen once does not generalise. */
  readonly minFrequency?: number
}

const tokenizerJson = (
  vocabulary: ReadonlyArray<string>,
  merges: ReadonlyArray<readonly [string, string]>,
  splitDigits: boolean,
) => ({
  version: "1.0",
  truncation: null,
  padding: null,
  added_tokens: [specialToken(0, endOfText)],
  normalizer: null,
  pre_tokenizer: byteLevelStep(splitPattern(splitDigits)),
  post_processor: null,
  decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
  model: {
    type: "BPE",
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])),
    merges,
  },
})

/** The distinct words of the texts in the byte-level alphabet, and how often each occurs, cut as the encoder cuts them. */
function* countWords(texts: Iterable<string>, splitDigits: boolean): Generator<void, ReadonlyMap<string, number>> {
  const { Tokenizer: Library } = library()
  const empty = Library.fromString(JSON.stringify(tokenizerJson([endOfText, ...byteAlphabet], [], splitDigits)))
  const cut = empty.getPreTokenizer()!
  const asciiOf = asciiWords(splitDigits)
  const counts = new Map<string, number>()
  const count = (word: string, times: number) => counts.set(word, (counts.get(word) ?? 0) + times)
  const written = new Map<string, number>()
  for (const text of texts) {
    yield
    const words = asciiOf(text)
    if (words === undefined) for (const [word] of cut.preTokenizeString(text)) count(word, 1)
    else for (const word of words) written.set(word, (written.get(word) ?? 0) + 1)
  }
  for (const [word, times] of written)
    count(Array.from(Buffer.from(word), (byte) => byteCharacters[byte]!).join(""), times)
  return counts
}

/**
 * Trains a tokenizer in pieces of a text, a word or a merge; the caller may do other work in between. Deterministic:
 * the same texts in any order give the same tokenizer.
 *
 * @error InvalidInput (thrown) for a vocabulary smaller than 257, or for no text
 * @error DataError (thrown) if the tokenizers library does not load on this machine
 */
export function* trainingBpe(texts: Iterable<string>, options: BpeOptions): Generator<void, Tokenizer> {
  const { vocabularySize, splitDigits = true, minFrequency = 2 } = options
  if (!Number.isInteger(vocabularySize) || vocabularySize < 257) {
    const problems = [`vocabularySize is ${vocabularySize}; expected an integer from 257 (the end and 256 bytes)`]
    throw new InvalidInput({ what: "BPE training", problems })
  }
  const counts = yield* countWords(texts, splitDigits)
  if (counts.size === 0) throw new InvalidInput({ what: "BPE training", problems: ["the texts are empty"] })

  const vocabulary = [endOfText, ...byteAlphabet]
  const idOf = new Map(vocabulary.map((token, id) => [token, id]))
  const words = Array.from(counts.keys(), (word) => Array.from(word, (character) => idOf.get(character)!))
  const frequency = Array.from(counts.values())
  const queue = new MergeQueue()
  for (const [w, word] of words.entries()) {
    for (let i = 1; i < word.length; i++) queue.add(word[i - 1]!, word[i]!, frequency[w]!, w)
    yield
  }

  const merges: Array<[string, string]> = []
  while (vocabulary.length < vocabularySize) {
    yield
    const best = queue.take()
    if (best === undefined || best.count < Math.max(1, minFrequency)) break
    const { left, right } = best
    const token = vocabulary[left]! + vocabulary[right]!
    let merged = idOf.get(token)
    if (merged === undefined) {
      merged = vocabulary.length
      vocabulary.push(token)
      idOf.set(token, merged)
    }
    merges.push([vocabulary[left]!, vocabulary[right]!])
    for (const w of best.words) words[w] = mergeWord(words[w]!, left, right, merged, frequency[w]!, w, queue)
  }
  return makeTokenizer(tokenizerJson(vocabulary, merges, splitDigits), { eos: endOfText })
}

/** Trains at once, for small texts. @error as `trainingBpe` */
export const trainBpe = (texts: Iterable<string>, options: BpeOptions): Tokenizer => atOnce(trainingBpe(texts, options))

/** Replaces each left-right pair of the word, from the left, and reports new and lost pairs to the queue. */
const mergeWord = (
  word: ReadonlyArray<number>,
  left: number,
  right: number,
  merged: number,
  frequency: number,
  w: number,
  queue: MergeQueue,
): Array<number> => {
  const out: Array<number> = []
  for (let i = 0; i < word.length; i++) {
    if (word[i] !== left || word[i + 1] !== right) {
      out.push(word[i]!)
      continue
    }
    const before = out.at(-1)
    const after = word[i + 2]
    if (before !== undefined) {
      queue.add(before, left, -frequency, w)
      queue.add(before, merged, frequency, w)
    }
    if (after !== undefined) {
      // In a a a the second pair is the pair of this merge: it has left the queue and has no count to lower.
      if (left !== right || after !== right) queue.add(right, after, -frequency, w)
      queue.add(merged, after, frequency, w)
    }
    out.push(merged)
    i++
  }
  return out
}
