/** SST-2: sentences of film reviews with their sentiment (Socher et al. 2013, EMNLP, D13-1170). */
import { dataOptions, defineDataTask, textKey } from "@winnow/core"
import { type } from "arktype"
import { testFile, testHalfFile, trainFile, validationFile } from "./files.ts"

export const sst2 = defineDataTask({
  name: "sst2",
  options: type({
    "...": dataOptions,
    "+": "reject",
    /** Each other record of the test file (the default: the rest stays unseen while methods are worked on), or all. */
    testSet: "'half' | 'all' = 'half'",
  }),
  files: ({ testSet }) => ({
    train: trainFile,
    validation: validationFile,
    test: testSet === "all" ? testFile : testHalfFile,
  }),
  record: type({ text: "string >= 1", label: "0 | 1" }),
  example: ({ text, label }) => ({
    prompt: `${text.trim()}\nSentiment:\n`,
    answer: label === 1 ? "positive" : "negative",
  }),
  score:
    () =>
    ({ answer }, generated) =>
      textKey(generated) === answer,
})
