/** Variables of a token's place: its position, its line, the brackets around it, the way to the end. */
import { defineVariable } from "@winnow/core"
import { type } from "arktype"

/** The variable `parity`: the token's position, modulo 2. */
export const parity = defineVariable({
  name: "parity",
  classes: 2,
  options: type({ "+": "reject" }),
  make:
    () =>
    ({ ids }) =>
      ids.map((_, t) => t % 2),
})

/** The variable `bracket-depth`: brackets that are open before the token, `deepest` and more together. */
export const bracketDepth = defineVariable({
  name: "bracket-depth",
  classes: ({ deepest }) => deepest + 1,
  options: type({ "+": "reject", deepest: "1 <= number.integer <= 64 = 3" }),
  make:
    ({ deepest }) =>
    ({ pieces }) => {
      let depth = 0
      return pieces.map((piece) => {
        const before = Math.min(deepest, depth)
        for (const character of piece) {
          if ("([{".includes(character)) depth++
          if (")]}".includes(character)) depth = Math.max(0, depth - 1)
        }
        return before
      })
    },
})

/** The variable `line-position`: tokens between the last line end and the token, a number up to `longest`. */
export const linePosition = defineVariable({
  name: "line-position",
  range: ({ longest }) => [0, longest],
  options: type({ "+": "reject", longest: "2 <= number.integer <= 4096 = 32" }),
  make: () => {
    return ({ pieces }) => {
      let begin = 0
      return pieces.map((piece, t) => {
        const position = t - begin
        if (piece.includes("\n")) begin = t + 1
        return position
      })
    }
  },
})

/** The variable `distance-to-end`: tokens from the token to the last one of its text, a number up to `longest`. */
export const distanceToEnd = defineVariable({
  name: "distance-to-end",
  range: ({ longest }) => [0, longest],
  looksAhead: true,
  options: type({ "+": "reject", longest: "2 <= number.integer <= 65536 = 64" }),
  make:
    () =>
    ({ ids }) =>
      ids.map((_, t) => ids.length - 1 - t),
})
