/** A long text as examples: pieces of a bounded length, each with its beginning as the prompt. */
import type { Example } from "@winnow/core"

/** The lengths of pieces, in characters. */
export interface PieceSizes {
  /** The largest length of a piece. */
  readonly characters: number
  /** The length of its beginning, which models read without training on it. */
  readonly prompt: number
}

const borders = ["\n\n", "\n", " "]

/** The end of a piece of at most `most` characters: behind a paragraph, else a line, else a word, in its second half; else anywhere. */
const endOf = (text: string, from: number, most: number): number => {
  const limit = from + most
  if (limit >= text.length) return text.length
  for (const border of borders) {
    const at = text.lastIndexOf(border, limit - border.length)
    if (at > from + most / 2 - border.length) return at + border.length
  }
  // never between the halves of a character
  return /[\uD800-\uDBFF]/.test(text[limit - 1]!) ? limit - 1 : limit
}

/**
 * The pieces of a text, in order. The prompt of a short piece is its first half. A piece with a blank prompt or a blank
 * answer is left out.
 */
export const pieces = (text: string, { characters, prompt }: PieceSizes): ReadonlyArray<Example> => {
  const found: Array<Example> = []
  for (let from = 0; from < text.length; ) {
    const end = endOf(text, from, characters)
    const piece = text.slice(from, end)
    const border = endOf(piece, 0, Math.max(1, Math.min(prompt, piece.length >> 1)))
    const [read, trained] = [piece.slice(0, border), piece.slice(border)]
    if (read.trim() !== "" && trained.trim() !== "") found.push({ prompt: read, answer: trained })
    from = end
  }
  return found
}
