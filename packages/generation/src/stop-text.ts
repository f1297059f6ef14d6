/** Stop strings: the end of a text by what it says. */
import type { Stop } from "./rollout.ts"

/**
 * A rule that ends a text with the token that completes one of these strings.
 *
 * Only the last tokens are decoded: a token of a string holds at least one of its bytes, so it spans no more tokens than it
 * has bytes. The text before the newest token has been looked at already.
 *
 * @param decode text of ids, as a tokenizer has it
 * @error RangeError for an empty string, which would end every text at once
 */
export const stopAtText = (texts: ReadonlyArray<string>, decode: (ids: Iterable<number>) => string): Stop => {
  if (texts.includes("")) throw new RangeError("an empty stop string, expected text: it would end every text at once")
  // A few more, since decoders drop a space before the first token, and a cut character decodes to a replacement.
  const span = Math.max(0, ...texts.map((text) => new TextEncoder().encode(text).length)) + 4
  return (tokens) => {
    const tail = decode(tokens.slice(-span))
    return texts.some((text) => tail.includes(text))
  }
}
