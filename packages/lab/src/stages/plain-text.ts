/** A text without the border between prompt and answer: a split in which every token but the first is trained. */
import { tokensOf } from "@winnow/data"
import { Effect } from "effect"
import { describeText, type PlainText } from "../experiment/text.ts"
import { partOf, type Stage, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import { readSplit, writeSplit } from "./text.ts"

/**
 * The stage of a plain text: the ids of the training split, with no token of a prompt.
 *
 * @param data the encoded text of the task
 */
export const plainTextStage = (spec: PlainText, data: Stage): Stage =>
  stage({
    kind: "text",
    label: describeText(spec),
    config: { plain: true },
    inputs: [partOf(data, "train")],
    code: stageCode({ revisions: ["text"], tensors: false }),
    run: ({ directory, inputs: [artifact] }) =>
      Effect.gen(function* () {
        const task = yield* readSplit(artifact!, "train")
        const examples = task.examples.map(({ ids }) => ({ ids, promptLength: 0 }))
        const { trained } = tokensOf(examples)
        writeSplit(directory, "train", { ...task, examples, trained })
        return { train: { examples: examples.length, dropped: task.dropped, tokens: task.tokens, trained } }
      }),
  })
