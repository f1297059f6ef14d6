/** The lines of a file in UTF-8, each decoded by itself: a file may be longer than the longest text. */

/** One line, from 1, without its end; undefined for bytes that are no UTF-8. */
export interface Line {
  readonly number: number
  readonly text: string | undefined
}

/** The lines of a file; a byte-order mark, and what ends a line ("\n" or "\r\n"), belong to none. */
export function* utf8Lines(bytes: Uint8Array): Generator<Line> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
  const marked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
  for (let from = marked ? 3 : 0, number = 1; from < bytes.length; number++) {
    const newline = bytes.indexOf(10, from)
    const end = newline < 0 ? bytes.length : newline
    const line = bytes.subarray(from, end > from && bytes[end - 1] === 13 ? end - 1 : end)
    let text: string | undefined
    try {
      text = decoder.decode(line)
    } catch {}
    yield { number, text }
    from = end + 1
  }
}

/** The whole text, without a byte-order mark. @error (thrown) names the first line that is no UTF-8 */
export const utf8Text = (bytes: Uint8Array): string => {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch (error) {
    for (const { number, text } of utf8Lines(bytes))
      if (text === undefined) throw new Error(`line ${number} is not UTF-8; save the file in that encoding`)
    throw error
  }
}
