/** Word problems with worked solutions, generated from a seed: the default task, which needs no file. */
import { DataError, defineTask } from "@winnow/core"
import { type } from "arktype"
import { Effect } from "effect"
import { generate } from "./generate.ts"

const options = type({
  "+": "reject",
  /** Another seed gives other problems. */
  seed: "number.integer = 1",
  /** Examples of each split. */
  train: "1 <= number.integer <= 1000000 = 20000",
  validation: "1 <= number.integer <= 100000 = 500",
  test: "1 <= number.integer <= 100000 = 500",
  /** Calculations of a solution. These defaults and those below are the easiest: a small model learns them soonest. */
  minSteps: "1 <= number.integer <= 4 = 1",
  maxSteps: "1 <= number.integer <= 4 = 2",
  /** Largest number in a problem or its solution. */
  largest: "10 <= number.integer <= 9999 = 50",
  /** Largest number that a story adds, takes away or multiplies; its first and last numbers may be larger. */
  operand: "2 <= number.integer <= 9999 = 9",
  /** Largest number to multiply or divide by. */
  factor: "2 <= number.integer <= 9 = 5",
  /** Number of different names and things, and of phrasings for a line of a solution. */
  names: "8 <= number.integer <= 40 = 24",
  things: "1 <= number.integer <= 24 = 16",
  phrasings: "1 <= number.integer <= 3 = 2",
}).narrow(
  ({ minSteps, maxSteps }, ctx) =>
    minSteps <= maxSteps || ctx.reject({ path: ["minSteps"], expected: `at most maxSteps (${maxSteps})` }),
)

const finalNumber = (text: string): string | undefined => /The answer is (-?\d+)/.exec(text)?.[1]

export const arithmetic = defineTask({
  name: "arithmetic",
  options,
  make: ({ seed, train, validation, test, ...difficulty }) =>
    Effect.suspend(() => {
      const generated = generate(difficulty, { train, validation, test }, seed)
      if (generated.ok) {
        return Effect.succeed({
          examples: (split) => generated.examples[split],
          score: (example, text) => {
            const found = finalNumber(text)
            return found !== undefined && found === finalNumber(example.answer)
          },
        } as const)
      }
      const { split, found } = generated
      const message =
        `task arithmetic: found ${found} distinct problems for the ${split} split, then no new one in 1000 draws; ` +
        "ask for fewer examples, or raise largest, maxSteps, names or things"
      return Effect.fail(new DataError({ message }))
    }),
})
