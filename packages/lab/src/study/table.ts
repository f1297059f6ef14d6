/** A named table of a study's record: columns with a unit and a direction, rows of figures with their intervals. */
import { type } from "arktype"

const figureValue = "number | null"

/**
 * A figure of a cell.
 *
 * The ends belong to a 95 % interval over that many seeds, or to the range of the seeds if the column says so. `all` is
 * the same cost with all dependencies of the row. Null: there is no such figure.
 */
export const tableFigure = type({
  value: figureValue,
  "low?": figureValue,
  "high?": figureValue,
  "seeds?": "number",
  "all?": "number",
})
export type TableFigure = typeof tableFigure.infer

/** Formats of a figure: `percent` of a share from 0 to 1, `short` as 1.23M, the others with that many decimals. */
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
  /** The quantity in words, for a short head. */
  name: "string",
  kind: "'figure' | 'range' | 'cost' | 'text'",
  style,
  /** "%" , "nats", "tokens", "FLOPs", "seconds"; "" for a plain number. */
  unit: "string",
  /** The better direction; null if there is none. */
  direction: "'higher' | 'lower' | null",
  /** True for times of a clock: another run gives another figure. */
  clock: "boolean",
})
export type TableColumn = typeof tableColumn.infer

export const tableRow = type({
  name: "string",
  /** True for rows that are there for comparison: names in brackets, grey. */
  context: "boolean",
  /** By key of the columns; a missing key shows as "-". */
  cells: type({ "[string]": type("string").or(tableFigure).or("null") }),
})
export type TableRow = typeof tableRow.infer
export type TableCell = TableRow["cells"][string]

export const studyTable = type({
  /** Lower-case words with hyphens; unique in the record. */
  name: "string",
  title: "string",
  /** The head of the column of names. */
  of: "string",
  /** The source of the figures, a sentence for each line. */
  notes: "string[]",
  columns: tableColumn.array(),
  rows: tableRow.array(),
})
export type StudyTable = typeof studyTable.infer

/** A column from its key and head; all other fields have defaults. */
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
