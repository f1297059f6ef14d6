/** Alpaca: instructions with answers that a language model wrote (Taori et al. 2023). */
import { dataOptions, defineDataTask } from "@winnow/core"
import { type } from "arktype"
import { recordsFile } from "./files.ts"

/** The source's phrases for an instruction without an input. */
const noInput = /^\W*(no ?input|n\/a|none)\W*$/i

export const alpaca = defineDataTask({
  name: "alpaca",
  options: type({
    "...": dataOptions,
    "+": "reject",
    /** The source has one split: these numbers of its records are validation and test. */
    validation: "1 <= number.integer <= 2000 = 250",
    test: "1 <= number.integer <= 2000 = 250",
  }),
  files: ({ validation, test }) => ({ train: recordsFile, validation, test }),
  record: type({ instruction: "string >= 1", input: "string", output: "string" }),
  example: ({ instruction, input, output }) => {
    const asked = instruction.trim()
    const given = noInput.test(input) ? "" : input.trim()
    const answer = output.trim()
    if (answer === "") return undefined
    return { prompt: `Instruction:\n${asked}\n${given === "" ? "" : `Input:\n${given}\n`}Response:\n`, answer }
  },
})
