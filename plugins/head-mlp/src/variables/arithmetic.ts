/** Variables of a text with calculations, such as those of the task `arithmetic`; the same at each token of a text. */
import { defineVariable } from "@winnow/core"
import { type } from "arktype"

const operations = "+-*/"

/** The variable `operation`: the sign between the first two numbers that have one between them; no value without any. */
export const operation = defineVariable({
  name: "operation",
  classes: operations.length,
  looksAhead: true,
  options: type({ "+": "reject" }),
  make:
    () =>
    ({ ids, pieces }) => {
      const sign = /\d\s*([-+*/])\s*\d/.exec(pieces.join(""))?.[1]
      return Array.from(ids, () => (sign === undefined ? Number.NaN : operations.indexOf(sign)))
    },
})

/** The variable `last-number`: the last whole number of the text, up to `largest`; no value without any. */
export const lastNumber = defineVariable({
  name: "last-number",
  range: ({ largest }) => [0, largest],
  looksAhead: true,
  options: type({ "+": "reject", largest: "1 <= number.integer <= 1000000000 = 50" }),
  make:
    () =>
    ({ ids, pieces }) => {
      const number = /(\d+)\D*$/.exec(pieces.join(""))?.[1]
      return Array.from(ids, () => (number === undefined ? Number.NaN : Number(number)))
    },
})
