/** MBPP: short Python tasks with tests and solutions (Austin et al. 2021, arXiv 2108.07732). */
import { dataOptions, defineDataTask } from "@winnow/core"
import { type } from "arktype"
import { testFile, testStartFile, trainFile, validationFile } from "./files.ts"

/** Python with uniform line ends, and none at the end of the text. */
const code = (text: string): string => text.replaceAll("\r\n", "\n").trimEnd()

export const mbpp = defineDataTask({
  name: "mbpp",
  options: type({
    "...": dataOptions,
    "+": "reject",
    /** Tasks 11 to 260 (the default: the rest stays unseen during development), or 11 to 510. */
    testSet: "'first-250' | 'all' = 'first-250'",
  }),
  files: ({ testSet }) => ({
    train: trainFile,
    validation: validationFile,
    test: testSet === "all" ? testFile : testStartFile,
  }),
  record: type({ text: "string >= 1", code: "string >= 1", test_list: "string[] >= 1" }),
  example: ({ text, code: solution, test_list }) => ({
    prompt: `"""\n${text.trim()}\n${test_list.map(code).join("\n")}\n"""\n`,
    answer: code(solution),
  }),
})
