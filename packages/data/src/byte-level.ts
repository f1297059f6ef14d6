/**
 * The byte-level alphabet of GPT-2: every byte has a printable character, so that any text is a string of these 256
 * and a `tokenizer.json` can hold its tokens as text.
 *
 * @source Radford et al. 2019, the `bytes_to_unicode` of GPT-2's encoder
 */

const printable = (byte: number) =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff)

/** The character of each byte, index 0 to 255. A printable byte stands for itself, the others follow from U+0100. */
export const byteCharacters: ReadonlyArray<string> = (() => {
  let next = 0x100
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++))
})()

/** The 256 characters in code point order: the order in which the `tokenizers` library numbers its first alphabet. */
export const byteAlphabet: ReadonlyArray<string> = byteCharacters.toSorted()

/** The token that ends a sequence, in every vocabulary that Winnow trains. */
export const endOfText = "<|endoftext|>"

/** The `added_tokens` entry of a `tokenizer.json` for a special token. */
export const specialToken = (id: number, content: string) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
})

/**
 * GPT-2's pattern; with split digits in the form of Qwen 2. It is written as `Split`, which every implementation
 * matches alike, while `Digits` and the pattern built into `ByteLevel` differ between them on signs such as U+00BD or
 * U+FEFF.
 */
export const splitPattern = (splitDigits: boolean) =>
  `'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+|${splitDigits ? "\\p{N}" : " ?\\p{N}+"}| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+`

/** The `pre_tokenizer` that cuts by a pattern and writes the bytes of each match in the alphabet. */
export const byteLevelStep = (pattern: string) => ({
  type: "Sequence",
  pretokenizers: [
    { type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false },
    { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
  ],
})
