/** Mixes several texts into one split; each pass takes examples by weight. */
import { InvalidInput } from "@winnow/core"
import { mixed, passSize } from "@winnow/data"
import { Effect } from "effect"
import { describeText, type MixedText, ownLossesOf } from "../experiment/text.ts"
import { partOf, type Stage, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import { readSplit, writeSplit } from "./text.ts"

/**
 * The stage of a mixture.
 *
 * @param parts the stages of its parts, in order
 * @error InvalidInput for a part without examples, and for weights that make a pass too long
 */
export const mixtureStage = (spec: MixedText, tokenizer: Stage, parts: ReadonlyArray<Stage>): Stage => {
  const named = Object.entries(spec.parts)
  // Parts with losses of their own must be known apart.
  const withBorders = Object.keys(ownLossesOf(spec)).length > 0
  const label = `mixed text, ${describeText(spec)}`
  return stage({
    kind: "text",
    label,
    config: {
      ...{ weights: named.map(([, { weight }]) => weight), seed: spec.seed },
      ...(withBorders ? { borders: true } : {}),
    },
    inputs: [tokenizer, ...parts.map((part) => partOf(part, "train"))],
    code: stageCode({ revisions: ["text"], tensors: false }),
    unit: "parts",
    run: ({ directory, inputs: [, ...artifacts] }) =>
      Effect.gen(function* () {
        const tasks = yield* Effect.forEach(artifacts, (artifact) => readSplit(artifact, "train"))
        const all = yield* Effect.try({
          try: () =>
            mixed(
              named.map(([name, { weight }], i) => ({ name, weight, task: tasks[i]! })),
              spec.seed,
            ),
          catch: (error) => {
            if (error instanceof InvalidInput) return error
            throw error
          },
        })
        const counts = withBorders ? { parts: tasks.map(({ examples }) => examples.length) } : {}
        writeSplit(directory, "train", { ...all, ...counts })
        return { train: { ...passSize(all), dropped: all.dropped }, distinct: all.examples.length }
      }),
  })
}
