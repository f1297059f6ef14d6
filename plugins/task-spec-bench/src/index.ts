/** Spec-Bench: questions of many kinds for speculative decoding (Xia et al. 2024, arXiv 2401.07851). */
import { dataOptions, defineDataTask } from "@winnow/core"
import { type } from "arktype"
import { allFile, halfFile } from "./files.ts"

export const specBench = defineDataTask({
  name: "spec-bench",
  options: type({
    "...": dataOptions,
    "+": "reject",
    /** The first half of each category (the default: the rest stays unseen while methods are worked on), or all questions. */
    testSet: "'half' | 'all' = 'half'",
  }),
  // Nine of ten questions that have an answer are the test split: to be measured on, after training on another task's text.
  files: ({ testSet }) => ({
    train: testSet === "all" ? allFile : halfFile,
    validation: (line) => line % 20 === 9,
    test: (line) => line % 10 !== 9,
  }),
  record: type({ category: "string", turns: "string[] >= 1", "reference?": "unknown[]" }),
  example: ({ turns, reference }) => {
    const first = [reference?.[0]].flat()[0] // of several right answers the first
    const answer = typeof first === "string" ? first.trim() : ""
    return answer === "" ? undefined : { prompt: `${turns[0]!.trim()}\nAnswer:\n`, answer }
  },
})
