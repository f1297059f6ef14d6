/** Plots of stability: the overlap of kept sets over the training, beside the overlap that chance gives. */
import type { RowRecord } from "../../record/schema.ts"
import type { StudyTable, TableCell } from "../../study/table.ts"
import { rowColours } from "../colours.ts"
import type { Plot } from "../plot.ts"
import type { Chart } from "../svg.ts"
import { across, below, colour, halfHeight, quantity } from "./layout.ts"

const numbersIn = (cell: TableCell | undefined) =>
  cell === null || cell === undefined || typeof cell === "string" || cell.value === null ? undefined : cell

/** The points of one plot: the overlap of a column by arm and part of the steps, with its range. */
const valuesOf = ({ rows }: StudyTable, key: "seeds" | "last") =>
  rows.flatMap(({ cells }) => {
    const [overlap, part] = [numbersIn(cells[key]), numbersIn(cells["part"])]
    if (overlap === undefined || part?.value == null || overlap.value === null) return []
    const { value, low = value, high = value } = overlap
    const chance = numbersIn(cells["chance"])?.value ?? null
    return [{ name: cells["arm"] as string, part: part.value, value, low, high, chance }]
  })

/**
 * Against the part of the steps: the overlap of two seeds, and that with the last recorded step. None for a run without
 * the table, or with one recorded step.
 *
 * @param tables of the record
 */
export const stabilityPlots = (
  run: { readonly rows: ReadonlyArray<Pick<RowRecord, "name" | "role">> },
  tables: ReadonlyArray<StudyTable> | undefined,
): ReadonlyArray<Plot> => {
  const course = tables?.find(({ name }) => name === "stability-course")
  if (course === undefined) return []
  return (
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
    const draw = (width: number) => {
      const color = colour(rowColours(run), below(names, width))
      return {
        ...across(width),
        height: halfHeight,
        data: { values },
        layer: [
          { mark: { type: "line", strokeWidth: 1, strokeDash: [3, 3] }, encoding: { x, y: y("chance"), color } },
          { mark: { type: "rule", opacity: 0.4 }, encoding: { x, y: y("low"), y2: { field: "high" }, color } },
          { mark: { type: "line", strokeWidth: 2, point: { size: 24 } }, encoding: { x, y: y("value"), color } },
        ],
      } as unknown as Chart
    }
    return [
      {
        name: `stability-${key}`,
        title: key === "seeds" ? "How far the kept sets of two seeds agree" : "How early the kept set is the last one",
        caption:
          "Intersection over union, of tokens that train nothing. Lines: means. Bars: lowest and highest. Dashed: random sets as large.",
        size: "half",
        data: values.map(({ name, ...of }) => ({ arm: name, ...of })),
        draw,
      } satisfies Plot,
    ]
  })
}
