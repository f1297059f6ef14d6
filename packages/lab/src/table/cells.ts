/** Tables of a record as text cells: the same in a terminal and in a report. */
import type { StudyTable, TableCell, TableColumn, TableFigure } from "../study/table.ts"
import { fitText } from "./fit.ts"
import { nats, percent, plain, plusMinus, type Scale, short, written } from "./format.ts"

/** A table as text: the head first, with the columns that are words. */
export interface Cells {
  readonly rows: ReadonlyArray<ReadonlyArray<string>>
  readonly left: ReadonlySet<number>
}

const scales: Partial<Record<TableColumn["style"], Scale>> = { percent, plain, nats }

/** One number in the format of its column: "62.1", "1.23M", "0.003". */
export const writeNumber = (x: number, { style }: Pick<TableColumn, "style">): string => {
  const scale = scales[style]
  if (scale !== undefined) return written(x, scale)
  if (style === "short") return short(x)
  if (style === "seconds") return x < 100 ? x.toFixed(1) : x.toFixed(0)
  return style === "whole" ? String(Math.round(x)) : String(x)
}

/** "12 / 30": a cost, then the cost with all dependencies; one number if both have one text. */
const writeCost = ({ value, all }: TableFigure, column: TableColumn): string => {
  const own = writeNumber(value!, column)
  const whole = all === undefined ? own : writeNumber(all, column)
  return own === whole ? own : `${own} / ${whole}`
}

/** "5 [4, 7]": the middle of the seeds, and their range. */
const writeRange = ({ value, low, high }: TableFigure, column: TableColumn): string => {
  const end = (x: number | null | undefined) => (x == null ? "-" : writeNumber(x, column))
  return `${writeNumber(value!, column)} [${end(low)}, ${end(high)}]`
}

/** A cell as text: "62.1 ± 1.3"; "-" for a missing cell. */
export const writeCell = (cell: TableCell | undefined, column: TableColumn): string => {
  if (cell === null || cell === undefined) return "-"
  if (typeof cell === "string") return cell
  if (cell.value === null) return "-"
  if (column.kind === "cost") return writeCost(cell, column)
  if (column.kind === "range") return writeRange(cell, column)
  const { value, low = null, high = null, seeds = 1 } = cell
  return plusMinus({ value, low, high, seeds }, scales[column.style] ?? plain)
}

/**
 * "83.4 % [81.1, 85.7]" with one unit; for two seeds the value alone, as their interval is too wide for comparisons.
 */
export const writeInterval = (figure: TableFigure, column: TableColumn): string => {
  const { value, low, high, seeds } = figure
  if (value === null) return "-"
  const unit = column.unit === "%" ? " %" : ""
  if (seeds === 2) return `${writeNumber(value, column)}${unit}`
  const end = (x: number | null | undefined) => (x == null ? "-" : writeNumber(x, column))
  return `${writeNumber(value, column)}${unit} [${end(low)}, ${end(high)}]`
}

/** A table's cells; the names of rows for comparison are in brackets. */
export const cellsOf = ({ columns, rows, of }: StudyTable): Cells => ({
  rows: [
    [of, ...columns.map(({ head }) => head)],
    ...rows.map(({ name, context, cells }) => [
      context ? `(${name})` : name,
      ...columns.map((column) => writeCell(Object.hasOwn(cells, column.key) ? cells[column.key] : undefined, column)),
    ]),
  ],
  left: new Set([0, ...columns.flatMap(({ kind }, i) => (kind === "text" ? [i + 1] : []))]),
})

/** A table as aligned text. @param width columns of the terminal, of which it takes no more; all of the table if left out */
export const tableText = (table: StudyTable, width?: number): string => {
  const { rows, left } = cellsOf(table)
  return fitText(rows, left, width)
}
