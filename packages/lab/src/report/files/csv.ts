/** Tables and the data of plots as CSV (RFC 4180), numbers in full. */
import type { StudyTable, TableCell, TableColumn } from "../../study/table.ts"
import type { Plot } from "../plot.ts"

type Value = string | number | null | undefined

const written = (value: Value): string => {
  const text = value === null || value === undefined ? "" : String(value)
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

const lines = (rows: ReadonlyArray<ReadonlyArray<Value>>): string =>
  rows.map((row) => `${row.map(written).join(",")}\n`).join("")

/** Fields of a figure beside its value, in the order of their columns. */
const sides = ["low", "high", "seeds", "all"] as const

const sideOf = (cell: TableCell | undefined, side: (typeof sides)[number]): Value =>
  typeof cell === "object" && cell !== null ? cell[side] : undefined

/** The columns of one column: its value, and those sides that any row has. */
const columnsOf = ({ rows }: StudyTable, { key }: TableColumn) => {
  const present = sides.filter((side) => rows.some(({ cells }) => sideOf(cells[key], side) !== undefined))
  return [
    { head: key, of: (cell: TableCell | undefined): Value => (typeof cell === "object" ? cell?.value : cell) },
    ...present.map((side) => ({
      head: `${key}_${side}`,
      of: (cell: TableCell | undefined): Value => sideOf(cell, side),
    })),
  ]
}

/** A table: a row's name and role, then each column by its key with its interval; shares from 0 to 1. */
export const tableCsv = (table: StudyTable): string => {
  const columns = table.columns.flatMap((column) =>
    columnsOf(table, column).map((one) => ({ ...one, key: column.key })),
  )
  return lines([
    [table.of, "role", ...columns.map(({ head }) => head)],
    ...table.rows.map(({ name, context, cells }) => [
      name,
      context ? "context" : "row",
      ...columns.map(({ key, of }) => of(Object.hasOwn(cells, key) ? cells[key] : undefined)),
    ]),
  ])
}

/** The data of a plot, a row an observation. */
export const plotCsv = ({ data }: Pick<Plot, "data">): string => {
  const names = [...new Set(data.flatMap((row) => Object.keys(row)))]
  return lines([names, ...data.map((row) => names.map((name) => row[name]))])
}
