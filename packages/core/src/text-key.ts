/** Texts that differ only in form are one text. */

/**
 * The form of a text for comparisons of examples: small letters in NFKC, one space between words, none beside
 * punctuation, no full stop, comma or mark of question or exclamation at the end.
 */
export const textKey = (text: string): string =>
  text
    .normalize("NFKC")
    .toLowerCase()
    .replaceAll(/\s+/g, " ")
    .replaceAll(/ ?([^\p{L}\p{M}\p{N} ]) ?/gu, "$1")
    .trim()
    .replace(/[.,;:?!]+$/, "")
