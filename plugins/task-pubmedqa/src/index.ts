/** PubMedQA: questions on abstracts of medical papers, answered by yes, no or maybe (Jin et al. 2019, arXiv 1909.06146). */
import { dataOptions, defineDataTask } from "@winnow/core"
import { type } from "arktype"
import { testFile, testHalfFile, trainFile } from "./files.ts"

/** The last decision that a text states. */
const decisionIn = (text: string): string | undefined =>
  [...text.matchAll(/final answer is: (yes|no|maybe)\b/gi)].at(-1)?.[1]?.toLowerCase()

export const pubmedqa = defineDataTask({
  name: "pubmedqa",
  options: type({
    "...": dataOptions,
    "+": "reject",
    /** Half of the test questions (the default: the rest stays unseen while methods are worked on), or all. */
    testSet: "'half' | 'all' = 'half'",
  }),
  files: ({ testSet }) => ({
    train: trainFile,
    validation: (line) => line % 10 === 9,
    test: testSet === "all" ? testFile : testHalfFile,
  }),
  record: type({
    question: "string >= 1",
    contexts: "string[] >= 1",
    long_answer: "string >= 1",
    final_decision: "'yes' | 'no' | 'maybe'",
  }),
  example: ({ question, contexts, long_answer, final_decision }) => ({
    prompt: `${contexts.map((text) => text.trim()).join("\n")}\nQuestion: ${question.trim()}\nAnswer:\n`,
    answer: `${long_answer.trim()}\nThe final answer is: ${final_decision}`,
  }),
  score:
    () =>
    ({ answer }, generated) =>
      decisionIn(generated) === decisionIn(answer),
})
