/** A variable of each token of a text. Replace this by your own idea. */
import { defineVariable } from "@winnow/core"
import { type } from "arktype"

/** The variable `my-variable`: 1 for a token that contains a digit. */
export const myVariable = defineVariable({
  name: "my-variable",
  classes: 2,
  options: type({ "+": "reject" }),
  make:
    () =>
    ({ pieces }) =>
      pieces.map((piece) => (/\d/.test(piece) ? 1 : 0)),
})
