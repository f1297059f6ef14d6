/** CLINC150: queries to an assistant with their intent, some out of its scope (Larson et al. 2019, arXiv 1909.02027). */
import { dataOptions, defineDataTask, textKey } from "@winnow/core"
import { type } from "arktype"
import { testFile, testHalfFile, trainFile, validationFile } from "./files.ts"

export const clinc150 = defineDataTask({
  name: "clinc150",
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
  record: type({ text: "string >= 1", label: "string >= 1" }),
  example: ({ text, label }) => ({
    prompt: `${text.trim()}\nIntent:\n`,
    answer: label === "oos" ? "out of scope" : label.replaceAll("_", " "),
  }),
  score:
    () =>
    ({ answer }, generated) =>
      textKey(generated) === textKey(answer),
})
