/** GSM8K: 8.5 thousand grade-school word problems with worked solutions (Cobbe et al. 2021, arXiv 2110.14168). */
import { DataError, type DatasetFile, Datasets, defineTask, type Example, type Split } from "@winnow/core"
import { type } from "arktype"
import { Effect } from "effect"
import { testFile, testStartFile, trainFile } from "./files.ts"
import { finalNumber, toExample } from "./format.ts"

const options = type({
  "+": "reject",
  /** Marks such as <<48/2=24>> in the solutions; removed by default: a decoder without a calculator has no use for them. */
  calculator: "'removed' | 'kept' = 'removed'",
  /** "The final answer is: 42", which AdaSPEC trains on, or the source's "#### 42". */
  ending: "'sentence' | 'hashes' = 'sentence'",
  /** How many of the training file's last problems are held out for validation. */
  validation: "1 <= number.integer <= 3000 = 500",
  /** Lines 1 to 660 of the test file (the default: the rest stays unseen while methods are worked on), or all 1319. */
  testSet: "'first-660' | 'all' = 'first-660'",
  /** At most so many examples of the split, from its start; all by default. */
  "maxTrain?": "number.integer >= 1",
  "maxTest?": "number.integer >= 1",
})

const Record = type({ question: "string >= 1", answer: "string >= 1" })

export const gsm8k = defineTask({
  name: "gsm8k",
  options,
  make: ({ validation, testSet, maxTrain, maxTest, ...format }) =>
    Effect.gen(function* () {
      const datasets = yield* Datasets
      const read = Effect.fnUntraced(function* (file: DatasetFile) {
        const examples: Array<Example> = []
        for (const [i, line] of (yield* datasets.lines(file)).entries()) {
          const record = Record(line)
          const example = record instanceof type.errors ? undefined : toExample(record, format)
          if (example === undefined) {
            const why = record instanceof type.errors ? record.summary : `answer has no last line "#### number"`
            return yield* new DataError({ message: `${file.path}, line ${i + 1}: ${why}` })
          }
          examples.push(example)
        }
        return examples
      })
      const [source, test] = [yield* read(trainFile), yield* read(testSet === "all" ? testFile : testStartFile)]
      // Splits share no prompt, whatever the files repeat: what is held out wins.
      const apart = (examples: ReadonlyArray<Example>, from: ReadonlyArray<Example>) => {
        const prompts = new Set(from.map(({ prompt }) => prompt))
        return examples.filter(({ prompt }) => !prompts.has(prompt))
      }
      const border = Math.max(0, source.length - validation)
      const held = apart(source.slice(border), test)
      const splits: Record<Split, ReadonlyArray<Example>> = {
        train: apart(source.slice(0, border), [...held, ...test]).slice(0, maxTrain),
        validation: held,
        test: test.slice(0, maxTest),
      }
      return {
        examples: (split: Split) => splits[split],
        score: (example: Example, generated: string) => {
          const found = finalNumber(generated, format.ending)
          return found !== undefined && found === finalNumber(example.answer, format.ending)
        },
      }
    }),
})
