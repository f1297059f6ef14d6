/** Another task with noise in its training text: a share of the answers is corrupted. */
import { defineTask, taskUse } from "@winnow/core"
import { type } from "arktype"
import { Effect } from "effect"
import { corrupt } from "./corrupt.ts"

/**
 * The task `corrupted`: the examples of another task, with a share of its training answers corrupted. Validation and
 * test are those of the other task, unchanged.
 *
 * Prompts stay as they are, so the splits share as few of them as the other task's do.
 *
 * @source own, after the noisy corpora of Lin et al. 2024, arXiv 2404.07965 (Rho-1)
 */
export const corrupted = defineTask({
  name: "corrupted",
  options: type({
    "+": "reject",
    /** The task whose training answers are corrupted. */
    of: taskUse,
    /** Share of the training answers. */
    share: "0 <= number <= 1 = 0.4",
    /** "shuffled": the answer's words in a random order; "swapped": the answer of another chosen example. */
    by: "'shuffled' | 'swapped' = 'shuffled'",
    /** Another seed chooses other answers, and other orders. */
    seed: "number.integer = 0",
  }),
  make: ({ of, share, by, seed }) =>
    Effect.map(of.instance, (task) => {
      const clean = task.examples("train")
      const { examples, chosen, unchanged } = corrupt(clean, share, by, seed)
      const how = by === "shuffled" ? "their words shuffled" : "another example's answer in their place"
      const same = unchanged === 0 ? "" : `; ${unchanged} of them read as before`
      const { name: _, notes = [], ...others } = task
      return {
        ...others,
        notes: [...notes, `${chosen} of ${clean.length} training answers of ${task.name} have ${how}${same}`],
        examples: (split) => (split === "train" ? examples : task.examples(split)),
      }
    }),
})
