/** Tables of drafts as lists of columns, each with the cell that it has of a row. */
import type { TrainedRow } from "../record/schema.ts"
import type { FigureStyle, StudyTable, TableCell, TableColumn, TableFigure } from "../study/table.ts"

/** A column, and its cell of a row. */
export interface Entry<Row> {
  readonly column: TableColumn
  readonly cell: (row: Row) => TableCell
}

export const entry = <Row>(column: TableColumn, cell: Entry<Row>["cell"]): Entry<Row> => ({ column, cell })

/** The format of counts, such as numbers of parameters, which have no decimals; undefined for other numbers. */
export const countStyle = (values: ReadonlyArray<number | null | undefined>): FigureStyle | undefined =>
  values.every((x) => x == null || (Number.isInteger(x) && x >= 1000)) ? "short" : undefined

/** A figure without an interval. */
export const number = (value: number | null): TableFigure => ({ value })

/** The table of these columns, a row a draft. */
export const tableOf = <Row extends Pick<TrainedRow, "name" | "role">>(
  base: Pick<StudyTable, "name" | "title">,
  rows: ReadonlyArray<Row>,
  columns: ReadonlyArray<Entry<Row>>,
): StudyTable => ({
  ...base,
  of: "arm",
  notes: [],
  columns: columns.map(({ column }) => column),
  rows: rows.map((row) => ({
    name: row.name,
    context: row.role !== "arm",
    cells: Object.fromEntries(columns.map(({ column, cell }) => [column.key, cell(row)])),
  })),
})
