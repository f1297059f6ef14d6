/** The text of a whole run: two tables, the source of their figures, the gaps, and the conclusions. */
import type { RunRecord } from "./record/schema.ts"
import { align, wrap } from "./table/align.ts"
import { caption, missingLines } from "./table/caption.ts"
import { acceptedCells, type Cells, costCells } from "./table/columns.ts"

/** Columns of a terminal that the text is broken for. */
const width = 140

const table = ({ rows, left }: Cells): string => align(rows, left)

/** The whole of what a run prints. */
export const renderTable = (run: RunRecord): string =>
  [
    table(acceptedCells(run)),
    "",
    table(costCells(run)),
    "",
    ...caption(run).map((line) => wrap(line, width)),
    ...(run.missing.length === 0 ? [] : ["", ...missingLines(run)]),
    "",
    "What follows:",
    ...run.conclusions.map((sentence) => wrap(sentence, width, "- ")),
  ].join("\n")
