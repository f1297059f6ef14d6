/**
 * A shorter way to the same ids: where a text falls into words that are encoded one by one, each word is encoded once.
 *
 * That holds for the tokenizers trained here: no normaliser, no post-processor, a pattern each of whose matches is, taken
 * alone, again one match. Measured on GSM8K's 4 MB (2048 tokens): 5 to 7 times faster than word by word through the encoder.
 */
import { isDeepStrictEqual } from "node:util"
import { byteLevelStep, splitPattern } from "./byte-level.ts"

/** The pattern as the encoder matches it: JavaScript's \s has U+FEFF and lacks U+0085, Rust's does not. */
const asEncoded = (pattern: string) =>
  new RegExp(
    pattern
      .replaceAll("[^\\s", "[^\\p{White_Space}")
      .replaceAll("\\s", "\\p{White_Space}")
      .replaceAll("\\S", "\\P{White_Space}"),
    "gu",
  )

/** The pattern that cuts a text into words for this `tokenizer.json`; undefined where words are not encoded one by one. */
const wordPattern = (json: Readonly<Record<string, unknown>>): RegExp | undefined => {
  if ((json["normalizer"] ?? null) !== null || (json["post_processor"] ?? null) !== null) return undefined
  const pattern = [true, false]
    .map(splitPattern)
    .find((p) => isDeepStrictEqual(json["pre_tokenizer"], byteLevelStep(p)))
  return pattern === undefined ? undefined : asEncoded(pattern)
}

/** Words kept; a text of more distinct ones begins anew. */
const capacity = 200_000

/**
 * `encode` with a memory of words; `encode` itself where words cannot be told apart.
 *
 * @param special texts of the added tokens: a text that holds one goes to `encode` whole
 */
export const withWordMemo = (
  encode: (text: string) => Int32Array,
  json: Readonly<Record<string, unknown>>,
  special: ReadonlyArray<string>,
): ((text: string) => Int32Array) => {
  const pattern = wordPattern(json)
  if (pattern === undefined) return encode
  const idsOf = new Map<string, Int32Array>()
  return (text) => {
    if (special.some((token) => text.includes(token))) return encode(text)
    const out: Array<number> = []
    for (const word of text.match(pattern) ?? []) {
      let ids = idsOf.get(word)
      if (ids === undefined) {
        ids = encode(word)
        if (idsOf.size >= capacity) idsOf.clear()
        idsOf.set(word, ids)
      }
      for (const id of ids) out.push(id)
    }
    return Int32Array.from(out)
  }
}
