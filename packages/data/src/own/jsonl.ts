/** A task from JSON lines of a user's own. */
import { kindOf } from "@winnow/core"
import { parseJson } from "@winnow/files"
import { type } from "arktype"
import { utf8Lines, utf8Text } from "../utf8-lines.ts"
import { refuseBinary } from "./other-format.ts"
import { leavesTraining } from "./own-splits.ts"
import type { Row } from "./row.ts"
import { defineTableTask, tableOptions } from "./table-task.ts"

/** The rows of a .jsonl file; an empty line is no row. @error (thrown) for a file of another format */
export function* jsonRows(bytes: Uint8Array): Generator<Row> {
  refuseBinary(bytes)
  for (const { number, text } of utf8Lines(bytes)) {
    const at = `line ${number}`
    if (text === undefined) yield { at, problem: "the line is not UTF-8; save the file in that encoding" }
    else if (text.trim() !== "") yield jsonRow(at, text)
  }
}

const objectRow = (at: string, what: string, value: unknown): Row =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? { at, columns: value as Readonly<Record<string, unknown>> }
    : { at, problem: `${what} is ${kindOf(value)}; expected an object` }

const jsonRow = (at: string, text: string): Row => {
  try {
    return objectRow(at, "the line", parseJson(text))
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { at, problem: `the line is no JSON (${why}): ${text.slice(0, 60)}` }
  }
}

/** The first byte that is no blank and of no byte-order mark. */
const firstOf = (bytes: Uint8Array): number | undefined => bytes.find((byte) => byte > 32 && byte < 128)

/** The rows of a .json or .jsonl file: one list of objects, or an object a line. */
export const jsonFileRows = (bytes: Uint8Array): ReadonlyArray<Row> => {
  if (firstOf(bytes) !== openBracket) return [...jsonRows(bytes)]
  const value = parseJson(utf8Text(bytes))
  return (value as ReadonlyArray<unknown>).map((record, i) => objectRow(`record ${i + 1}`, "the record", record))
}

const openBracket = 91

/** Examples from JSON lines: `jsonl({ train: "my.jsonl", prompt: "question", answer: "solution" })`. */
export const jsonl = defineTableTask({
  name: "jsonl",
  options: type({ "...": tableOptions, "+": "reject" }).narrow(leavesTraining),
  rows: async (bytes, { name }) => {
    if (/\.json$/i.test(name) && firstOf(bytes) === openBracket)
      throw new Error("the file is one list; dataset({ from }) reads its folder, jsonl an object a line")
    return [...jsonRows(bytes)]
  },
})
