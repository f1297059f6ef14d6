/** The text of a whole run: two tables, the source of their figures, the gaps, and the conclusions. */
import type { RunRecord } from "./record/schema.ts"
import { wrap } from "./table/align.ts"
import { caption, missingLines } from "./table/caption.ts"
import { tableText } from "./table/cells.ts"
import { costTable } from "./table/cost.ts"
import { acceptanceTable } from "./table/distillation.ts"

/** Width at which sentences are broken at the most, in columns of a terminal. */
const widest = 140

/** The whole text that a run prints. @param columns of the terminal: tables take no more, and are whole if it is left out */
export const renderTable = (run: RunRecord, columns?: number): string => {
  const width = Math.min(widest, columns ?? widest)
  const ofMeasures = (run.tables ?? []).flatMap((table) => [
    tableText(table, columns),
    ...table.notes.map((note) => wrap(note, width)),
    "",
  ])
  return [
    tableText(acceptanceTable(run), columns),
    "",
    tableText(costTable(run), columns),
    "",
    ...ofMeasures,
    ...caption(run).map((line) => wrap(line, width)),
    ...(run.missing.length === 0 ? [] : ["", ...missingLines(run)]),
    "",
    "What follows:",
    ...run.conclusions.map((sentence) => wrap(sentence, width, "- ")),
  ].join("\n")
}
