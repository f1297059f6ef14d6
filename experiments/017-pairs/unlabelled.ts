/** The texts of labelled tasks without their labels: pretraining text. */
import { defineTask, taskUse } from "@winnow/core"
import { type } from "arktype"
import { Effect } from "effect"

/**
 * The task `unlabelled`: each prompt of other tasks as a text of its own, without the line that asks for the label and
 * without the label. Its first word is the prompt; texts of one word are left out. It has a training split alone.
 */
export const unlabelled = defineTask({
  name: "unlabelled",
  options: type({ "+": "reject", of: taskUse.array().atLeastLength(1) }),
  make: ({ of }) =>
    Effect.map(
      Effect.forEach(of, ({ instance }) => instance),
      (tasks) => ({
        examples: (split) => {
          if (split !== "train") return []
          return tasks.flatMap((task) =>
            task.examples(split).flatMap(({ prompt }) => {
              const [text = ""] = prompt.split("\n")
              const space = text.indexOf(" ")
              return space < 1 ? [] : [{ prompt: text.slice(0, space), answer: text.slice(space) }]
            }),
          )
        },
        sharesPrompts: true,
      }),
    ),
})
