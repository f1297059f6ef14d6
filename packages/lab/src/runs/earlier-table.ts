/** Makes a table from the figures that every version of a distillation's record contains. */
import { type } from "arktype"
import { column, type StudyTable, tableFigure } from "../study/table.ts"

/** A row in the form that every version has written. */
export const earlierRow = type({
  name: "string",
  role: "string",
  greedyAcceptance: tableFigure,
  expectedAcceptance: tableFigure,
  tau: tableFigure,
  "draftKl?": tableFigure,
})

const share = { style: "percent", unit: "%", direction: "higher" } as const

/** The table of such rows. */
export const earlierTable = (rows: ReadonlyArray<typeof earlierRow.infer>, gamma: number): StudyTable => ({
  name: "acceptance",
  title: "What the target accepted",
  of: "arm",
  notes: [],
  columns: [
    column("greedyAcceptance", "greedy %", { ...share, name: "greedy acceptance" }),
    column("expectedAcceptance", "expected %", { ...share, name: "expected acceptance" }),
    column("tau", `tau (g=${gamma})`, { unit: "tokens", direction: "higher", name: "tau" }),
    ...(rows.some(({ draftKl }) => draftKl !== undefined)
      ? [column("draftKl", "KL, nats", { style: "nats", unit: "nats", direction: "lower", name: "draft KL" })]
      : []),
  ],
  rows: rows.map(({ name, role, ...cells }) => ({
    name,
    context: role !== "arm",
    cells: {
      greedyAcceptance: cells.greedyAcceptance,
      expectedAcceptance: cells.expectedAcceptance,
      tau: cells.tau,
      draftKl: cells.draftKl ?? null,
    },
  })),
})
