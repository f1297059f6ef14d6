/** The chart of stability: the overlap of kept sets over the training, beside the overlap that chance gives. */
import type { RowRecord } from "../../record/schema.ts"
import type { StudyTable, TableCell } from "../../study/table.ts"
import { rowColours } from "../colours.ts"
import type { Chart } from "../svg.ts"
import { below, colour, half, quantity } from "./layout.ts"

const numbersIn = (cell: TableCell | undefined) =>
  cell === null || cell === undefined || typeof cell === "string" || cell.value === null ? undefined : cell

/** The points of one panel: the overlap of a column by arm and part of the steps, with its range. */
const valuesOf = ({ rows }: StudyTable, key: "seeds" | "last") =>
  rows.flatMap(({ cells }) => {
    const [overlap, part] = [numbersIn(cells[key]), numbersIn(cells["part"])]
    if (overlap === undefined || part === undefined) return []
    const { value, low = value, high = value } = overlap
    const chance = numbersIn(cells["chance"])?.value ?? null
    return [{ name: cells["arm"] as string, part: part.value, value, low, high, chance }]
  })

/**
 * Two panels against the part of the steps: the overlap of two seeds, and that with the last recorded step. Lines: means.
 * Bars: ranges. Dashed: random sets as large. Undefined for a run without the table, or with one recorded step.
 *
 * @param tables of the record
 */
export const stabilityChart = (
  run: { readonly rows: ReadonlyArray<Pick<RowRecord, "name" | "role">> },
  tables: ReadonlyArray<StudyTable> | undefined,
): Chart | undefined => {
  const course = tables?.find(({ name }) => name === "stability-course")
  if (course === undefined) return undefined
  const panels = (
    [
      ["seeds", "overlap of two seeds"],
      ["last", "overlap with the last kept set"],
    ] as const
  ).flatMap(([key, title]) => {
    const values = valuesOf(course, key)
    if (new Set(values.map(({ part }) => part)).size < 2) return []
    const x = quantity("part", "part of the steps", { format: ".0%", tickCount: 5, grid: false }, { domain: [0, 1] })
    const y = (field: string) => quantity(field, title, { tickCount: 6 }, { domain: [0, 1] })
    const names = values.map(({ name }) => name)
    const color = { ...colour(rowColours(run)), legend: { ...below(names), symbolOpacity: 1 } }
    return [
      {
        ...half,
        data: { values },
        layer: [
          { mark: { type: "line", strokeWidth: 1, strokeDash: [3, 3] }, encoding: { x, y: y("chance"), color } },
          { mark: { type: "rule", opacity: 0.4 }, encoding: { x, y: y("low"), y2: { field: "high" }, color } },
          { mark: { type: "line", strokeWidth: 2, point: { size: 24 } }, encoding: { x, y: y("value"), color } },
        ],
      },
    ]
  })
  return panels.length === 0 ? undefined : ({ hconcat: panels } as unknown as Chart)
}
