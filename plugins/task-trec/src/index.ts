/** TREC: questions with the type of their answer (Li and Roth 2002, COLING, C02-1150). */
import { dataOptions, defineDataTask, textKey } from "@winnow/core"
import { type } from "arktype"
import { testFile, testHalfFile, trainFile } from "./files.ts"

/** The types by label. */
const types = ["description", "entity", "abbreviation", "person", "place", "number"] as const

export const trec = defineDataTask({
  name: "trec",
  options: type({
    "...": dataOptions,
    "+": "reject",
    /** Each other record of the test file (the default: the rest stays unseen while methods are worked on), or all. */
    testSet: "'half' | 'all' = 'half'",
  }),
  files: ({ testSet }) => ({
    train: trainFile,
    validation: (line) => line % 10 === 9,
    test: testSet === "all" ? testFile : testHalfFile,
  }),
  record: type({ text: "string >= 1", label: "0 <= number.integer <= 5" }),
  example: ({ text, label }) => ({ prompt: `${text.trim()}\nType of answer:\n`, answer: types[label]! }),
  score:
    () =>
    ({ answer }, generated) =>
      textKey(generated) === answer,
})
