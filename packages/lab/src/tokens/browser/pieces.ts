/** Tokens in letters that a reader can see. */
import type { Piece } from "../document.ts"

/** Characters that show nothing or change the text around them: controls, marks of direction, breaks, spaces of no width. */
const hidden = /(?![\t\n\r])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

const codePoint = (character: string) => `⟨${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}⟩`

/** A token inside of a text: line breaks break, other signs without a form are shown by their code. */
export const inText = (piece: Piece): string => {
  if (typeof piece !== "string") return `⟨${piece.hex}⟩`
  return piece
    .replaceAll("\r\n", "⏎\n")
    .replaceAll(/(?<!⏎)\n/g, "⏎\n")
    .replaceAll("\r", "␍")
    .replaceAll("\t", "⇥")
    .replace(hidden, codePoint)
}

/** A token alone: its spaces are dots. */
export const alone = (piece: Piece): string =>
  piece === "" ? "∅" : inText(piece).replaceAll("\n", "").replaceAll(" ", "·")

/** A token for a voice: names of signs that are not read. */
export const spoken = (piece: Piece): string => {
  if (typeof piece !== "string") return `bytes ${piece.hex.replaceAll(/(..)(?=.)/g, "$1 ")}`
  if (piece === "") return "empty token"
  if (/^ +$/.test(piece)) return piece.length === 1 ? "space" : `${piece.length} spaces`
  return inText(piece).replaceAll("⏎\n", " line break ").replaceAll("⇥", " tab ").trim()
}
