/** A variable with a memory: its value follows from its previous value and the token before, and from no last tokens alone. */
import { defineVariable } from "@winnow/core"
import { type } from "arktype"

/** The variable `running-parity`: the number of earlier tokens that contain the letter, modulo 2. */
export const runningParity = defineVariable({
  name: "running-parity",
  classes: 2,
  options: type({
    "+": "reject",
    // The most frequent letter of English.
    letter: "string == 1 = 'e'",
  }),
  make:
    ({ letter }) =>
    ({ pieces }) => {
      let odd = 0
      return pieces.map((piece) => {
        const before = odd
        if (piece.includes(letter)) odd = 1 - odd
        return before
      })
    },
})
