/** Pieces of HTML: escaped text, tables, figures. */
import type { StudyTable } from "../study/table.ts"
import { cellsOf } from "../table/cells.ts"
import { columnWords, draftTables } from "./column-words.ts"
import { escapeHtml } from "./escape-html.ts"
import { type Plot, widths } from "./plot.ts"
import { svgOf } from "./svg.ts"

export const list = (facts: ReadonlyArray<string>): string =>
  `<ul class="facts">${facts.map((f) => `<li>${escapeHtml(f)}</li>`).join("")}</ul>`

/** Notes in small print; empty without notes. */
export const notes = (lines: ReadonlyArray<string>): string =>
  lines.length === 0 ? "" : `<p class="note">${lines.map(escapeHtml).join("<br>")}</p>`

/** Options of a table on a page. */
export interface TableOptions {
  /** Columns that show at once, without that of the names; all if left out. */
  readonly first?: number | undefined
  /** Links of row names, by name. */
  readonly links?: ReadonlyMap<string, string> | undefined
  /** The row in bold. */
  readonly about?: string | null | undefined
}

/** The anchor of the words on a column: one for all tables of drafts, whose columns of one key are the same quantity. */
export const columnAnchor = ({ name }: Pick<StudyTable, "name">, key: string): string =>
  `column-${draftTables.has(name) ? "" : `${name}-`}${key.replace(/[^\w-]+/g, "-")}`

/**
 * A table: heads lead to the words on their column. A phone shows the name of a row above its figures, and of a table of many
 * columns each figure below its head; roles keep it a table for screen readers there.
 */
export const htmlTable = (table: StudyTable, { first, links, about }: TableOptions = {}): string => {
  const { rows, left } = cellsOf(table)
  const [head, ...body] = rows
  const shown = Math.min(first ?? table.columns.length, table.columns.length)
  const folds = shown < table.columns.length
  const classes = (i: number) => {
    const all = [...(left.has(i) ? ["l"] : []), ...(i > shown ? ["folded"] : [])]
    return all.length === 0 ? "" : ` class="${all.join(" ")}"`
  }
  const heads = head!.map((text, i) => {
    const words = escapeHtml(text)
    const column = table.columns[i - 1]
    const isSaid = column !== undefined && columnWords(table, column) !== undefined
    const link = isSaid ? `<a href="#${columnAnchor(table, column.key)}">${words}</a>` : words
    return `<th role="columnheader" scope="col"${classes(i)}>${link}</th>`
  })
  const line = (cells: ReadonlyArray<string>, r: number) => {
    const { name, context } = table.rows[r]!
    const to = links?.get(name)
    const rowName = to === undefined ? escapeHtml(cells[0]!) : `<a href="${to}">${escapeHtml(cells[0]!)}</a>`
    const rest = cells
      .slice(1)
      .map(
        (text, i) =>
          `<td role="cell" data-head="${escapeHtml(head![i + 1]!)}"${classes(i + 1)}>${escapeHtml(text)}</td>`,
      )
    const kind = context ? ' class="context"' : name === about ? ' class="about"' : ""
    return `<tr role="row"${kind}><th role="rowheader" scope="row" class="l">${rowName}</th>${rest.join("")}</tr>`
  }
  const more = table.columns.length - shown
  const toggle = folds
    ? `<input type="checkbox" class="more-columns" id="more-${table.name}"><label for="more-${table.name}"><span class="more">${more} more ${more === 1 ? "column" : "columns"}</span><span class="fewer">fewer columns</span></label>`
    : ""
  const isMany = shown > 6 || table.columns.some(({ kind }) => kind === "text")
  return `<div class="table">${toggle}<table role="table" id="table-${table.name}" class="${isMany ? "many" : "few"}" style="--few:${shown}"><thead role="rowgroup"><tr role="row">${heads.join("")}</tr></thead><tbody role="rowgroup">${body.map(line).join("")}</tbody></table></div>`
}

/** The data of a plot by column, which is shorter than by row. */
const byColumn = ({ data }: Pick<Plot, "data">): string => {
  const names = [...new Set(data.flatMap((row) => Object.keys(row)))]
  const columns = Object.fromEntries(names.map((name) => [name, data.map((row) => row[name] ?? null)]))
  // "<" could end the script element
  return JSON.stringify(columns).replaceAll("<", "\\u003c")
}

/** A plot below its caption, drawn for a wide page and for a phone, with its data to save. */
export const htmlFigure = async (plot: Plot): Promise<string> => {
  const { name, title, caption, size } = plot
  const wide = await svgOf(plot.draw(widths[size]), name)
  const narrow = await svgOf(plot.draw(widths.narrow), `${name}-narrow`)
  const labelled = (svg: string) => svg.replace("<svg ", `<svg role="img" aria-label="${escapeHtml(title)}" `)
  const saves = ["csv", "json", "svg"].map(
    (kind) =>
      `<button type="button" data-save="${kind}" aria-label="${kind.toUpperCase()} of ${escapeHtml(title)}">${kind.toUpperCase()}</button>`,
  )
  return `<figure id="plot-${name}" data-name="${name}"><figcaption><b>${escapeHtml(title)}.</b> ${escapeHtml(caption)}</figcaption><div class="wide">${labelled(wide)}</div><div class="narrow">${labelled(narrow)}</div><div class="downloads">${saves.join("")}</div><script type="application/json">${byColumn(plot)}</script></figure>`
}
