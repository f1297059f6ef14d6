/** A task from comma-separated values of a user's own. */
import { type } from "arktype"
import type { CsvError } from "csv-parse/sync"
import { utf8Text } from "../utf8-lines.ts"
import { refuseBinary } from "./other-format.ts"
import { leavesTraining } from "./own-splits.ts"
import type { Row } from "./row.ts"
import { defineTableTask, tableOptions } from "./table-task.ts"

const [lineFeed, carriageReturn] = [10, 13]

/** A function from a place to its line, from 1: the line of the next byte that ends no line. Places must ascend. */
const linesOf = (bytes: Uint8Array): ((place: number) => number) => {
  let [at, line] = [0, 1]
  const step = () => {
    if (bytes[at] === lineFeed || (bytes[at] === carriageReturn && bytes[at + 1] !== lineFeed)) line++
    at++
  }
  return (place) => {
    while (at < place) step()
    while (bytes[at] === lineFeed || bytes[at] === carriageReturn) step()
    return line
  }
}

interface Parsed {
  readonly record: ReadonlyArray<string>
  /** The bytes up to the end of the record's last line. */
  readonly info: { readonly bytes: number }
}

const delimiters = [",", ";", "\t", "|"]

/** A remedy, where the first line has no such delimiter but another usual one; else nothing. */
const otherDelimiter = (text: string, delimiter: string): string => {
  const [head = ""] = text.split(/[\r\n]/, 1)
  if (head.startsWith("{")) return "; its first line looks like JSON, which jsonl({ train }) reads"
  const other = head.includes(delimiter) ? undefined : delimiters.find((one) => head.includes(one))
  return other === undefined ? "" : `; its first line has ${JSON.stringify(other)}: set it as the delimiter`
}

/** The rows of a table whose first line names the columns. @error (thrown) for a quote that nothing closes, and for two columns of one name */
export const csvRows = async (bytes: Uint8Array, delimiter: string): Promise<ReadonlyArray<Row>> => {
  refuseBinary(bytes)
  const { parse } = await import("csv-parse/sync") // read by none who has no such table
  const text = utf8Text(bytes)
  const content = Buffer.from(text)
  let parsed: ReadonlyArray<Parsed>
  try {
    parsed = parse(content, {
      delimiter,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
    }) as unknown as typeof parsed // `info` changes the result, and its types do not follow
  } catch (error) {
    const { message } = error as CsvError
    throw new Error(`the file is no CSV: ${message}${otherDelimiter(text, delimiter)}`)
  }
  const [head, ...rest] = parsed
  const names = (head?.record ?? []).map((name) => name.trim())
  const twice = names.find((name, i) => names.indexOf(name) < i)
  if (twice !== undefined) throw new Error(`two columns of its first line are named ${JSON.stringify(twice)}`)
  const lineAt = linesOf(content)
  return rest.map(({ record }, i): Row => {
    const at = `line ${lineAt(parsed[i]!.info.bytes)}`
    return record.length === names.length
      ? { at, columns: Object.fromEntries(names.map((name, j) => [name, record[j]])) }
      : { at, problem: `the line has ${record.length} fields, the first line names ${names.length} columns` }
  })
}

/** Examples from a table: `csv({ train: "my.csv", prompt: "question", answer: "solution" })`; tabs in a file named .tsv. */
export const csv = defineTableTask({
  name: "csv",
  options: type({
    "...": tableOptions,
    "+": "reject",
    /** One character; a tab in a .tsv, else a comma. */ "delimiter?": "string == 1",
  }).narrow(leavesTraining),
  rows: (bytes, { name, options }) => csvRows(bytes, options.delimiter ?? (name.endsWith(".tsv") ? "\t" : ",")),
})
