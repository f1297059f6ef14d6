/** BANKING77: queries of a bank's customers with their intent (Casanueva et al. 2020, arXiv 2003.04807). */
import { dataOptions, defineDataTask, textKey } from "@winnow/core"
import { type } from "arktype"
import { testFile, testHalfFile, trainFile } from "./files.ts"

export const banking77 = defineDataTask({
  name: "banking77",
  options: type({
    "...": dataOptions,
    "+": "reject",
    /** Each other record of the test file (the default: the rest stays unseen while methods are worked on), or all. */
    testSet: "'half' | 'all' = 'half'",
  }),
  files: ({ testSet }) => ({
    train: trainFile,
    // The file is in order of intents: its end would be some intents alone.
    validation: (line) => line % 10 === 9,
    test: testSet === "all" ? testFile : testHalfFile,
  }),
  record: type({ text: "string >= 1", label: "string >= 1" }),
  example: ({ text, label }) => ({ prompt: `${text.trim()}\nIntent:\n`, answer: label.replaceAll("_", " ") }),
  score:
    () =>
    ({ answer }, generated) =>
      textKey(generated) === textKey(answer),
})
