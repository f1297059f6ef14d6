/** A report as one HTML file without further files. */
import type { StudyTable } from "../study/table.ts"
import { columnWords, draftTables } from "./column-words.ts"
import { html, type Part, type Report, type Section, tablesIn } from "./document.ts"
import { escapeHtml } from "./escape-html.ts"
import { columnAnchor, htmlFigure, htmlTable, list } from "./html.ts"
import { script } from "./script.ts"
import { style } from "./style.ts"

/** The whole page around a body of HTML. */
export const page = (title: string, body: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body>
${body}
<script>${script}</script>
</body>
</html>
`

const htmlPart = async (part: Part, about: string | null): Promise<string> => {
  if (part.kind === "html") return part.html
  if (part.kind === "table") return htmlTable(part.table, { ...part, about })
  const pieces: Array<string> = []
  let pair: Array<string> = []
  const endPair = () => {
    if (pair.length > 0) pieces.push(`<div class="pair">${pair.join("\n")}</div>`)
    pair = []
  }
  for (const plot of part.plots) {
    const figure = await htmlFigure(plot)
    if (plot.size === "half") pair.push(figure)
    else {
      endPair()
      pieces.push(figure)
    }
  }
  endPair()
  return pieces.join("\n")
}

const htmlSection = async ({ id, title, folded, parts }: Section, about: string | null): Promise<string> => {
  const inside: Array<string> = []
  for (const part of parts) inside.push(await htmlPart(part, about))
  const heading = `<h2>${escapeHtml(title)}</h2>`
  return folded
    ? `<details class="section" id="${id}"><summary>${heading}</summary><div class="inside">${inside.join("\n")}</div></details>`
    : `<section id="${id}">${heading}${inside.join("\n")}</section>`
}

/** The words on each column of the tables, for their heads to lead to. @param docs the folder of the docs, from the page; null: no links */
const columnsSection = (tables: ReadonlyArray<StudyTable>, docs: string | null): Section => {
  const ofDrafts = tables.filter(({ name }) => draftTables.has(name))
  const others = tables.filter(({ name }) => !draftTables.has(name))
  const lists = [...(ofDrafts.length === 0 ? [] : [ofDrafts]), ...others.map((table) => [table])].map((group) => {
    const columns = new Map(
      group.flatMap((table) => table.columns.map((column) => [column.key, { table, column }] as const)),
    )
    const items = [...columns.values()].flatMap(({ table, column }) => {
      const words = columnWords(table, column)
      if (words === undefined) return []
      const { says, at } = words
      const link = docs === null || at === undefined ? "" : ` <a href="${docs}/${at}">${at.replace(/#.*/, "")}</a>`
      return `<dt id="${columnAnchor(table, column.key)}">${escapeHtml(column.head)}</dt><dd>${escapeHtml(says)}${link}</dd>`
    })
    const title = group === ofDrafts ? "Of the drafts" : group[0]!.title
    return items.length === 0 ? "" : `<h3>${escapeHtml(title)}</h3><dl class="columns">${items.join("")}</dl>`
  })
  return { id: "columns", title: "The columns", folded: true, parts: [html(lists.join("\n"))] }
}

/** Where a page leads to. */
export interface PageLinks {
  /** The folder of the docs, relative to the page; null: no links to them. */
  readonly docs: string | null
}

/** The page of a report. */
export const renderPage = async (report: Report, { docs }: PageLinks): Promise<string> => {
  const { slug, question, facts, verdict, about } = report
  const last = report.sections.findLastIndex(({ id }) => id !== "configuration")
  const columns = columnsSection(tablesIn(report), docs)
  const sections = [...report.sections.slice(0, last + 1), columns, ...report.sections.slice(last + 1)]
  const written: Array<string> = []
  for (const section of sections) written.push(await htmlSection(section, about))
  const contents = sections.map(({ id, title }) => `<li><a href="#${id}">${escapeHtml(title)}</a></li>`)
  return page(
    `${slug}: ${question}`,
    `<header><p class="slug">${escapeHtml(slug)}</p>
<h1>${escapeHtml(question)}</h1>
<div class="verdict">${verdict.map((line) => `<p>${escapeHtml(line)}</p>`).join("")}</div>
${list(facts)}</header>
<nav aria-label="Contents"><ul>${contents.join("")}</ul><div class="tools"><button type="button" data-unfold>unfold all</button></div></nav>
<main>
${written.join("\n")}
</main>`,
  )
}
