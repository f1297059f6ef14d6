/** Tables as Markdown of GitHub's kind. */
import type { StudyTable } from "../../study/table.ts"
import { cellsOf } from "../../table/cells.ts"

const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("|", "\\|").replaceAll("\n", " ")

/** @param source where the figures are from: lines below the table */
export const tableMarkdown = (table: StudyTable, source: ReadonlyArray<string>): string => {
  const { rows, left } = cellsOf(table)
  const [head, ...body] = rows.map((row) => `| ${row.map(escaped).join(" | ")} |`)
  const rule = `| ${(rows[0] ?? []).map((_, i) => (left.has(i) ? "---" : "---:")).join(" | ")} |`
  const below = [...table.notes, ...source]
  return [`## ${table.title}`, "", head, rule, ...body, "", ...below.flatMap((line) => [line, ""])].join("\n")
}
