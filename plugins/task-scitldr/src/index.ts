/** SciTLDR: abstracts of papers with summaries of one sentence (Cachola et al. 2020, arXiv 2004.15011). */
import { dataOptions, defineDataTask } from "@winnow/core"
import { type } from "arktype"
import { testFile, testStartFile, trainFile, validationFile } from "./files.ts"

export const scitldr = defineDataTask({
  name: "scitldr",
  options: type({
    "...": dataOptions,
    "+": "reject",
    /** Abstracts 1 to 309 of the test file (the default: the rest stays unseen during development), or all 618. */
    testSet: "'first-309' | 'all' = 'first-309'",
  }),
  files: ({ testSet }) => ({
    train: trainFile,
    validation: validationFile,
    test: testSet === "all" ? testFile : testStartFile,
  }),
  // An abstract outside of training may have several summaries; the first is the answer.
  record: type({ document: "string >= 1", summaries: "string[] >= 1" }),
  example: ({ document, summaries }) => {
    const answer = summaries[0]!.trim()
    return answer === "" ? "its first summary is empty" : { prompt: `${document.trim()}\nSummary:\n`, answer }
  },
})
