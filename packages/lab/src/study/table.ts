/** A named table of a study's record: columns with a unit and a direction, rows of figures with their intervals. */
import { type } from "arktype"

const figureValue = "number | null"

/**
 * A figure of a cell.
 *
 * Ends are of a 95 % interval over that many seeds, or of the range of the seeds where the column says so. `all` is the
 * same cost with everything that the row depends on. Null: there is no such figure.
 */
export const tableFigure = type({
  value: figureValue,
  "low?": figureValue,
  "high?": figureValue,
  "seeds?": "number",
  "all?": "number",
})
export type TableFigure = typeof tableFigure.infer

/** Ways to write a figure: `percent` of a share from 0 to 1, `short` as 1.23M, the rest with that many decimals. */
const style = type("'percent' | 'plain' | 'nats' | 'short' | 'whole' | 'seconds' | 'exact'")
export type FigureStyle = typeof style.infer

/**
 * A column.
 *
 * - figure: a measured quantity with an interval; runs are compared by it
 * - range: the middle of the seeds, and the lowest and highest of them
 * - cost: a number that follows from the settings and the data
 * - text: words
 */
export const tableColumn = type({
  key: "string",
  head: "string",
  /** The quantity in words, where the head is short. */
  name: "string",
  kind: "'figure' | 'range' | 'cost' | 'text'",
  style,
  /** "%" , "nats", "tokens", "FLOPs", "seconds"; "" where it is a plain number. */
  unit: "string",
  /** The better direction; null where neither is. */
  direction: "'higher' | 'lower' | null",
  /** Told by a clock: another run gives another figure. */
  clock: "boolean",
})
export type TableColumn = typeof tableColumn.infer

export const tableRow = type({
  name: "string",
  /** True of rows that stand there for comparison: names in brackets, grey. */
  context: "boolean",
  /** By key of the columns; a key that is missing is "-". */
  cells: type({ "[string]": type("string").or(tableFigure).or("null") }),
})
export type TableRow = typeof tableRow.infer
export type TableCell = TableRow["cells"][string]

export const studyTable = type({
  /** Lower-case words with hyphens; unique in the record. */
  name: "string",
  title: "string",
  /** The head of the rows' names. */
  of: "string",
  /** Source of the figures, a sentence a line. */
  notes: "string[]",
  columns: tableColumn.array(),
  rows: tableRow.array(),
})
export type StudyTable = typeof studyTable.infer

/** A column of its key and head; everything else has a default. */
export const column = (
  key: string,
  head: string,
  more: Partial<Omit<TableColumn, "key" | "head">> = {},
): TableColumn => ({
  key,
  head,
  name: head,
  kind: "figure",
  style: "plain",
  unit: "",
  direction: null,
  clock: false,
  ...more,
})
