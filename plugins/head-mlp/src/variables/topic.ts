/** A variable of the whole text. */
import { defineVariable } from "@winnow/core"
import { type } from "arktype"

/**
 * The variable `topic`: the first of these topics one of whose words the text contains, the same at each token; the
 * number of topics for a text of none.
 */
export const topic = defineVariable({
  name: "topic",
  classes: ({ words }) => words.length + 1,
  looksAhead: true,
  options: type({ "+": "reject", words: type("string[] >= 1").array().atLeastLength(1) }),
  make:
    ({ words }) =>
    ({ ids, pieces }) => {
      const text = pieces.join("").toLowerCase()
      const found = words.findIndex((some) => some.some((word) => text.includes(word.toLowerCase())))
      return ids.map(() => (found < 0 ? words.length : found))
    },
})
