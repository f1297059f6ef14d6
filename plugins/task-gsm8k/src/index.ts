/** GSM8K: 8.5 thousand grade-school word problems with worked solutions (Cobbe et al. 2021, arXiv 2110.14168). */
import { dataOptions, defineDataTask } from "@winnow/core"
import { type } from "arktype"
import { testFile, testStartFile, trainFile } from "./files.ts"
import { finalNumber, toExample } from "./format.ts"

const options = type({
  "...": dataOptions,
  "+": "reject",
  /** Marks such as <<48/2=24>> in the solutions; removed by default: a decoder without a calculator has no use for them. */
  calculator: "'removed' | 'kept' = 'removed'",
  /** "The final answer is: 42", which AdaSPEC trains on, or the source's "#### 42". */
  ending: "'sentence' | 'hashes' = 'sentence'",
  /** Number of the training file's last problems that are held out for validation. */
  validation: "1 <= number.integer <= 3000 = 500",
  /** Lines 1 to 660 of the test file (the default: the rest stays unseen during development), or all 1319. */
  testSet: "'first-660' | 'all' = 'first-660'",
})

export const gsm8k = defineDataTask({
  name: "gsm8k",
  options,
  files: ({ validation, testSet }) => ({
    train: trainFile,
    validation,
    test: testSet === "all" ? testFile : testStartFile,
  }),
  record: type({ question: "string >= 1", answer: "string >= 1" }),
  example: (record, format) => toExample(record, format) ?? `answer has no last line "#### number"`,
  score:
    ({ ending }) =>
    (example, generated) => {
      const found = finalNumber(generated, ending)
      return found !== undefined && found === finalNumber(example.answer, ending)
    },
})
