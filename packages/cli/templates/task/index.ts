/** Words written backwards. Replace this by your own examples. */
import { defineTask, type Example, type Split } from "@winnow/core"
import { seeded } from "@winnow/numerics"
import { type } from "arktype"
import { Effect } from "effect"

const letters = "abcdefghij"

/** A word, and its letters in reverse order. */
const example = (word: string): Example => ({ prompt: `${word}: `, answer: [...word].reverse().join("") })

/** The task `my-task`: words of random letters, no word in two splits. */
export const myTask = defineTask({
  name: "my-task",
  options: type({
    "+": "reject",
    // Words to train on; a tenth as many validate and test.
    train: "10 <= number.integer <= 100000 = 2000",
  }),
  make: ({ train }) =>
    Effect.sync(() => {
      const rng = seeded(0, "my-task")
      const words = new Set<string>()
      const few = Math.ceil(train / 10)
      while (words.size < train + 2 * few)
        words.add(Array.from({ length: 3 + rng.below(5) }, () => letters[rng.below(letters.length)]!).join(""))
      const all = [...words].map(example)
      const splits: Record<Split, ReadonlyArray<Example>> = {
        train: all.slice(0, train),
        validation: all.slice(train, train + few),
        test: all.slice(train + few),
      }
      return {
        examples: (split: Split) => splits[split],
        score: ({ answer }: Example, generated: string) => generated === answer,
      }
    }),
})
