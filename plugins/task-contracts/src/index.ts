/** Contracts: paragraphs of terms and policies with summaries in plain English (Manor and Li 2019, arXiv 1906.00424). */
import { dataOptions, defineDataTask } from "@winnow/core"
import { type } from "arktype"
import { paragraphsFile } from "./files.ts"

export const contracts = defineDataTask({
  name: "contracts",
  options: type({ "...": dataOptions, "+": "reject" }),
  files: () => ({
    train: paragraphsFile,
    validation: (line) => line % 10 === 8,
    test: (line) => line % 10 === 9 || line % 10 === 4,
  }),
  record: type({ original_text: "string >= 1", reference_summary: "string >= 1" }),
  example: ({ original_text, reference_summary }) => ({
    prompt: `${original_text.trim()}\nIn plain English:\n`,
    answer: reference_summary.trim(),
  }),
})
