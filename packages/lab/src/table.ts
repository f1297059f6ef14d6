/** The text of a whole run: two tables, the source of their figures, the gaps, and the conclusions. */
import type { RunRecord } from "./record/schema.ts"
import { wrap } from "./table/align.ts"
import { caption, missingLines } from "./table/caption.ts"
import { tableText } from "./table/cells.ts"
import { costTable } from "./table/cost.ts"
import { acceptanceTable } from "./table/distillation.ts"

/** Width at which the text is broken, in columns of a terminal. */
const width = 140

/** The whole text that a run prints. */
export const renderTable = (run: RunRecord): string =>
  [
    tableText(acceptanceTable(run)),
    "",
    tableText(costTable(run)),
    "",
    ...(run.tables ?? []).flatMap((table) => [tableText(table), ...table.notes, ""]),
    ...caption(run).map((line) => wrap(line, width)),
    ...(run.missing.length === 0 ? [] : ["", ...missingLines(run)]),
    "",
    "What follows:",
    ...run.conclusions.map((sentence) => wrap(sentence, width, "- ")),
  ].join("\n")
