/** DialogSum: everyday dialogues with summaries written by people (Chen et al. 2021, arXiv 2105.06762). */
import { dataOptions, defineDataTask } from "@winnow/core"
import { type } from "arktype"
import { testFile, testStartFile, trainFile, validationFile } from "./files.ts"

export const dialogsum = defineDataTask({
  name: "dialogsum",
  options: type({
    "...": dataOptions,
    "+": "reject",
    /** Dialogues 1 to 250 of the test file (the default: the rest stays unseen during development), or all 500. */
    testSet: "'first-250' | 'all' = 'first-250'",
  }),
  files: ({ testSet }) => ({
    train: trainFile,
    validation: validationFile,
    test: testSet === "all" ? testFile : testStartFile,
  }),
  // A test dialogue has three summaries; the first is the answer.
  record: type({ dialogue: "string >= 1", summary: "string >= 1" }).or({
    dialogue: "string >= 1",
    summary1: "string >= 1",
  }),
  example: (record) => ({
    prompt: `${record.dialogue.trim()}\nSummary:\n`,
    answer: ("summary" in record ? record.summary : record.summary1).trim(),
  }),
})
