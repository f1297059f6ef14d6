/**
 * A shorter way to the same ids: if a tokenizer encodes words one by one, each distinct word is encoded once.
 *
 * That holds for the tokenizers trained here: no normaliser, no post-processor, and a pattern each of whose matches is,
 * taken alone, again one match. Only ASCII text takes this way: for other letters and digits, this engine and the
 * library may know different versions of Unicode.
 */
import { isDeepStrictEqual } from "node:util"
import type { InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import { byteLevelStep, splitPattern } from "./byte-level.ts"

type Encode = (texts: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Int32Array>, InvalidInput>

const ascii = /^[\0-\x7f]*$/

/** The words of an ASCII text by GPT-2's pattern; undefined for any other text, which the library has to cut. */
export const asciiWords = (splitDigits: boolean): ((text: string) => ReadonlyArray<string> | undefined) => {
  const pattern = new RegExp(splitPattern(splitDigits), "gu")
  return (text) => (ascii.test(text) ? (text.match(pattern) ?? []) : undefined)
}

/** The rule that cuts a text into words for this `tokenizer.json`; undefined if words are not encoded one by one. */
const cutterOf = (json: Readonly<Record<string, unknown>>): ReturnType<typeof asciiWords> | undefined => {
  if ((json["normalizer"] ?? null) !== null || (json["post_processor"] ?? null) !== null) return undefined
  const splitDigits = [true, false].find((split) =>
    isDeepStrictEqual(json["pre_tokenizer"], byteLevelStep(splitPattern(split))),
  )
  return splitDigits === undefined ? undefined : asciiWords(splitDigits)
}

/** The most words in the memo; a call that finds more empties it first. */
const capacity = 200_000

/**
 * `encode` with a memory of words; `encode` itself if words cannot be separated.
 *
 * @param added texts of the added tokens: a text that contains one goes to `encode` whole
 */
export const withWordMemo = (
  encode: Encode,
  json: Readonly<Record<string, unknown>>,
  added: ReadonlyArray<string>,
): Encode => {
  const wordsOf = cutterOf(json)
  if (wordsOf === undefined) return encode
  const idsOf = new Map<string, Int32Array>()
  return Effect.fnUntraced(function* (texts: ReadonlyArray<string>) {
    if (idsOf.size > capacity) idsOf.clear()
    const cut = texts.map((text) => (added.some((token) => text.includes(token)) ? undefined : wordsOf(text)))
    const unseen = new Set<string>()
    for (const words of cut) for (const word of words ?? []) if (!idsOf.has(word)) unseen.add(word)
    const missing = [...unseen, ...texts.filter((_, i) => cut[i] === undefined)]
    const encoded = missing.length === 0 ? [] : yield* encode(missing)
    let next = 0
    for (const word of unseen) idsOf.set(word, encoded[next++]!)
    return cut.map((words): Int32Array => {
      if (words === undefined) return encoded[next++]!
      const out: Array<number> = []
      for (const word of words) for (const id of idsOf.get(word)!) out.push(id)
      return Int32Array.from(out)
    })
  })
}
