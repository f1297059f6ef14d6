/** The first examples of a text: a split that a training reads more often, and whose signals cost less. */
import { DataError } from "@winnow/core"
import { tokensOf } from "@winnow/data"
import { Effect } from "effect"
import { describeText, type TaskText } from "../experiment/text.ts"
import { partOf, type Stage, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import { readSplit, writeSplit } from "./text.ts"

/**
 * The stage of the first examples of the training split.
 *
 * @param first number of examples
 * @param data the encoded text of the task
 * @error DataError where the split has fewer
 */
export const firstTextStage = (spec: TaskText, first: number, data: Stage): Stage =>
  stage({
    kind: "text",
    label: describeText(spec),
    config: { first },
    inputs: [partOf(data, "train")],
    code: stageCode({ revisions: ["text"], tensors: false }),
    run: ({ directory, inputs: [artifact] }) =>
      Effect.gen(function* () {
        const { corrupted, ...task } = yield* readSplit(artifact!, "train")
        if (task.examples.length < first) {
          const message = `${describeText(spec)}: the training split has ${task.examples.length} within maxLength; ask for fewer`
          return yield* new DataError({ message })
        }
        const examples = task.examples.slice(0, first)
        const { tokens, trained } = tokensOf(examples)
        writeSplit(directory, "train", {
          ...task,
          examples,
          source: task.source.slice(0, first),
          tokens,
          trained,
          ...(corrupted && { corrupted: corrupted.filter((i) => i < first) }),
        })
        return { train: { examples: first, dropped: task.dropped, tokens, trained } }
      }),
  })
