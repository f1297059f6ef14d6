/** The share of the target's own texts that are right, by the task's own judgement. */
import type { InvalidInput, TaskUse } from "@winnow/core"
import { Effect } from "effect"
import { plain } from "../experiment/plain-json.ts"
import type { Measure } from "../experiment/resolved.ts"
import { partOf, type Stage, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import { readRollouts, textsOf } from "./rollouts.ts"
import { openTokenizer, readExamples } from "./text.ts"

/**
 * Judges the target's texts in a separate stage, so that a changed judgement does not write the texts again. Its
 * summary has shares from 0 to 1 by mode of decoding; null without a judgement.
 */
export const scoreStage = (
  task: TaskUse,
  { split }: Measure,
  inputs: { readonly tokenizer: Stage; readonly data: Stage; readonly greedy: Stage; readonly sampled: Stage },
): Effect.Effect<Stage, InvalidInput> =>
  Effect.map(plain(task), (config) =>
    stage({
      kind: "score",
      label: "target's scores",
      config: { task: config, split },
      inputs: [inputs.tokenizer, partOf(inputs.data, split), inputs.greedy, inputs.sampled],
      code: stageCode({ revisions: ["generation"], tensors: false, plugins: [task] }),
      run: ({ inputs: [words, data, ...written] }) =>
        Effect.gen(function* () {
          const { score } = yield* task.instance
          if (score === undefined) return { greedy: null, sampled: null }
          const examples = yield* readExamples(data!, split)
          const tokenizer = yield* openTokenizer(words!)
          const shares = yield* Effect.forEach(written, (artifact) =>
            Effect.map(readRollouts(artifact), (rollouts) => {
              const texts = textsOf(rollouts, tokenizer)
              return texts.filter((text, i) => score(examples[i]!, text)).length / texts.length
            }),
          )
          return { greedy: shares[0]!, sampled: shares[1]! }
        }),
    }),
  )
