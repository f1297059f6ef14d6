/** Trains the next token of prompts too. Replace this by your own idea. */
import { defineObjective, nextTokenProblem } from "@winnow/core"
import { type } from "arktype"

/** The objective `my-objective`: position t predicts token t + 1, from the beginning of the prompt on. Own idea. */
export const myObjective = defineObjective({
  name: "my-objective",
  // Caches of frozen models contain only the answer's tokens, so this objective cannot read them.
  repeats: false,
  reads: "before",
  options: type({ "+": "reject" }),
  // Plans count by it: every token of an example but the first.
  rows: (_, { length }) => length - 1,
  make:
    () =>
    ({ examples, padId }) =>
      nextTokenProblem(
        examples.map((example) => ({ ...example, promptLength: 0 })),
        padId,
      ),
})
