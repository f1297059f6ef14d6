/** The objective of every position: the next token, in prompts as in answers. */
import { defineObjective, nextTokenProblem } from "@winnow/core"
import { type } from "arktype"

/**
 * The objective `whole-text`: each token but the first is predicted from the tokens before it, prompts included.
 *
 * Rows are no longer the trained tokens of an example, so caches of signals, which hold these, do not serve it.
 */
export const wholeText = defineObjective({
  name: "whole-text",
  repeats: false,
  reads: "before",
  options: type({ "+": "reject" }),
  rows: (_, { length }) => length - 1,
  make:
    () =>
    ({ examples, padId }) =>
      nextTokenProblem(
        examples.map(({ ids }) => ({ ids, promptLength: 0 })),
        padId,
      ),
})
