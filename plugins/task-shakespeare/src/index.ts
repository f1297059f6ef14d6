/** Speeches of Shakespeare's plays, each record's first as the prompt: plain text without a question in it. */
import { dataOptions, defineDataTask } from "@winnow/core"
import { type } from "arktype"
import { speechesFile } from "./files.ts"

export const shakespeare = defineDataTask({
  name: "shakespeare",
  options: type({
    "...": dataOptions,
    "+": "reject",
    /** So many records before those of test, and so many at the text's end. */
    validation: "1 <= number.integer <= 500 = 100",
    test: "1 <= number.integer <= 500 = 100",
  }),
  files: ({ validation, test }) => ({ train: speechesFile, validation, test }),
  record: type({ first: "string >= 1", next: "string >= 1" }),
  example: ({ first, next }) => ({ prompt: `${first}\n\n`, answer: next }),
})
