/** Variables of the token itself: a function of its text. */
import { defineVariable } from "@winnow/core"
import { type } from "arktype"

/** The kinds of `tokenKind`, by the first character that is no space. */
const kinds: ReadonlyArray<RegExp> = [/^\p{Ll}/u, /^\p{Lu}/u, /^\p{N}/u, /^\n/, /^$/, /^[\p{P}\p{S}]/u]

/** The variable `token-kind`: small letter, capital, digit, line end, spaces alone, punctuation, anything else. */
export const tokenKind = defineVariable({
  name: "token-kind",
  classes: kinds.length + 1,
  options: type({ "+": "reject" }),
  make:
    () =>
    ({ pieces }) =>
      pieces.map((piece) => {
        const kind = kinds.findIndex((one) => one.test(piece.replace(/^[^\S\n]+/, "")))
        return kind < 0 ? kinds.length : kind
      }),
})

/** The variable `capital`: 1 for a token whose first character, spaces aside, is a capital letter. */
export const capital = defineVariable({
  name: "capital",
  classes: 2,
  options: type({ "+": "reject" }),
  make:
    () =>
    ({ pieces }) =>
      pieces.map((piece) => (/^\s*\p{Lu}/u.test(piece) ? 1 : 0)),
})

/** The variable `token-length`: characters of the token, those of `longest` and more together. */
export const tokenLength = defineVariable({
  name: "token-length",
  classes: ({ longest }) => longest + 1,
  options: type({ "+": "reject", longest: "1 <= number.integer <= 64 = 6" }),
  make:
    ({ longest }) =>
    ({ pieces }) =>
      pieces.map((piece) => Math.min(longest, [...piece].length)),
})
