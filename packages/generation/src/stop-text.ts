/** Stop strings: texts that end a generation. */
import type { Stop } from "./rollout.ts"

/**
 * A rule that ends a text with the token that completes one of these strings.
 *
 * Only the last tokens are decoded: each token of a string has at least one of its bytes, so a string spans at most as
 * many tokens as it has bytes. The text before the newest token was checked before.
 *
 * @param decode text of ids, by a tokenizer
 * @error RangeError for an empty string, which would end every text at once
 */
export const stopAtText = (texts: ReadonlyArray<string>, decode: (ids: Iterable<number>) => string): Stop => {
  if (texts.includes("")) throw new RangeError("an empty stop string, expected text: it would end every text at once")
  // A few more tokens: decoders drop a space before the first token, and decode a cut character to a replacement.
  const span = Math.max(0, ...texts.map((text) => new TextEncoder().encode(text).length)) + 4
  return (tokens) => {
    const tail = decode(tokens.slice(-span))
    return texts.some((text) => tail.includes(text))
  }
}
