/** Tables as SVG, in the letters of the charts. */
import type { StudyTable } from "../../study/table.ts"
import { cellsOf } from "../../table/cells.ts"
import { ink, label, line } from "../colours.ts"
import { escapeHtml } from "../escape-html.ts"
import { fontFamily, textWidth } from "../svg.ts"

const fontSize = 12
const rowHeight = 22
/** Pixels between columns, and around the table. */
const [gap, margin] = [18, 8]

/** The picture of a table: heads in grey above a rule, rows for comparison in grey. */
export const tableSvg = (table: StudyTable): string => {
  const { rows, left } = cellsOf(table)
  const widths = (rows[0] ?? []).map((_, i) =>
    Math.ceil(
      Math.max(...rows.map((row, r) => textWidth({ text: row[i]!, fontSize, fontWeight: r === 0 ? 600 : 400 }))),
    ),
  )
  const starts = widths.map((_, i) => margin + widths.slice(0, i).reduce((sum, w) => sum + w + gap, 0))
  const width = margin + (starts.at(-1) ?? 0) + (widths.at(-1) ?? 0)
  const height = 2 * margin + rows.length * rowHeight + 4
  const at = (r: number) => margin + r * rowHeight + 15 + (r === 0 ? 0 : 4)
  const texts = rows.flatMap((row, r) => {
    const grey = r === 0 || table.rows[r - 1]!.context
    const weight = r === 0 ? ' font-weight="600"' : ""
    return row.map((text, i) => {
      const [x, anchor] = left.has(i) ? [starts[i]!, "start"] : [starts[i]! + widths[i]!, "end"]
      return `<text x="${x}" y="${at(r)}" text-anchor="${anchor}" fill="${grey ? label : ink}"${weight}>${escapeHtml(text)}</text>`
    })
  })
  const rule = (y: number, colour: string) =>
    `<line x1="${margin}" x2="${width - margin}" y1="${y}" y2="${y}" stroke="${colour}"/>`
  const rules = rows.map((_, r) => rule(margin + (r + 1) * rowHeight + (r === 0 ? 0 : 4), r === 0 ? ink : line))
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${escapeHtml(fontFamily)}" font-size="${fontSize}">${rules.join("")}${texts.join("")}</svg>`
}
