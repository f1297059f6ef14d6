/** CodeAlpaca: instructions on code with answers that a language model wrote (Chaudhary 2023). */
import { dataOptions, defineDataTask } from "@winnow/core"
import { type } from "arktype"
import { recordsFile } from "./files.ts"

export const codealpaca = defineDataTask({
  name: "codealpaca",
  options: type({ "...": dataOptions, "+": "reject" }),
  files: () => ({
    train: recordsFile,
    // The file holds one source after the other: its end would be one of them.
    validation: (line) => line % 20 === 18,
    test: (line) => line % 20 === 19,
  }),
  record: type({ instruction: "string >= 1", input: "string", output: "string >= 1" }),
  example: ({ instruction, input, output }) => {
    const given = input.trim() === "" ? "" : `Input:\n${input.trim()}\n`
    return { prompt: `Instruction:\n${instruction.trim()}\n${given}Response:\n`, answer: output.trim() }
  },
})
