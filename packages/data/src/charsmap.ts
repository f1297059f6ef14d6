/**
 * Walks the `precompiled_charsmap` of a normalizer once: the library follows its offsets unchecked, and ends the
 * process at one that leads out of the table.
 *
 * A charsmap is the size of a trie in bytes, the trie (a double array of 32-bit units), and texts that end with a zero
 * byte.
 * @source Kudo 2018, SentencePiece; the units are those of darts-clone
 */

const offsetOf = (unit: number): number => (unit >>> 10) << ((unit & (1 << 9)) >> 6)
const labelOf = (unit: number): number => unit & 0x800000ff
const hasLeaf = (unit: number): boolean => ((unit >>> 8) & 1) === 1

/** True if a byte begins a character of UTF-8, or an offset is the end of the texts. */
const isBoundary = (texts: Uint8Array, at: number): boolean => at === texts.length || (texts[at]! & 0xc0) !== 0x80

/**
 * The fault in a charsmap.
 *
 * @param text base64, as in tokenizer.json
 * @returns undefined for a charsmap in which every text can be looked up
 */
export const charsmapProblem = (text: string): string | undefined => {
  const bytes = Uint8Array.from(Buffer.from(text, "base64"))
  if (bytes.length < 4) return "it is too short"
  const view = new DataView(bytes.buffer)
  const size = view.getUint32(0, true)
  if (size % 4 !== 0 || size === 0 || size > bytes.length - 4) return `its trie has ${size} of ${bytes.length} bytes`
  const count = size / 4
  const unit = (at: number): number => view.getUint32(4 + 4 * at, true)
  const texts = bytes.subarray(4 + size)
  const seen = new Uint8Array(count)
  // Places from which a byte is looked up, by exclusive or.
  const bases = [offsetOf(unit(0))]
  for (let base = bases.pop(); base !== undefined; base = bases.pop())
    for (let byte = 1; byte < 256; byte++) {
      const at = base ^ byte
      if (at < 0 || at >= count) return `its trie leads to unit ${at} of ${count}`
      const entry = unit(at)
      if (labelOf(entry) !== byte || seen[at] === 1) continue
      seen[at] = 1
      const next = at ^ offsetOf(entry)
      if (hasLeaf(entry)) {
        if (next < 0 || next >= count) return `its trie leads to unit ${next} of ${count}`
        const place = unit(next) & 0x7fffffff
        if (place > texts.length || !isBoundary(texts, place))
          return `a text of it begins at ${place} of ${texts.length}`
      }
      bases.push(next)
    }
  return undefined
}
