/** The text of tokens as they come. */

/** The replacement that decoders give for bytes that are no whole character. */
const REPLACEMENT = "\ufffd"

/** Text by and by. */
export interface StreamingText {
  /** The text that a further token adds; empty while a character lacks bytes. */
  readonly push: (id: number) => string
  /** The text that still waits. */
  readonly end: () => string
}

/**
 * Decodes tokens one by one so that all texts together are the text of all tokens.
 *
 * A decoder may treat the first token otherwise (it drops a space), so each text is the difference of two decodings of the
 * last few tokens.
 *
 * @param decode text of ids, by a tokenizer
 */
export const streamingText = (decode: (ids: Iterable<number>) => string): StreamingText => {
  const ids: Array<number> = []
  // Text of ids before `written` is out; decodings begin at `from`.
  let [from, written] = [0, 0]
  const waiting = (): string => decode(ids.slice(from)).slice(decode(ids.slice(from, written)).length)
  const advance = (text: string): string => {
    if (text !== "") [from, written] = [written, ids.length]
    return text
  }
  return {
    push: (id) => {
      ids.push(id)
      const text = waiting()
      return text.endsWith(REPLACEMENT) ? "" : advance(text)
    },
    end: () => advance(waiting()),
  }
}
