/** Compares each marked figure of a page with its record, and returns the page with the record's figures. */
import { evaluate, type Value } from "./expression.ts"
import { lineAt, type Page, plain, tableAfter } from "./page.ts"
import type { Records } from "./records.ts"
import { figuresIn, shownAs } from "./shown.ts"

/** A figure that differs from its record, or a marker that cannot be followed. */
export interface Issue {
  readonly file: string
  readonly line: number
  readonly message: string
}

/** A part of a page's text: from `start` to `end`. */
export interface Span {
  readonly start: number
  readonly end: number
}

interface Edit extends Span {
  readonly text: string
}

/** The result of the check of a page. */
export interface Checked {
  readonly issues: ReadonlyArray<Issue>
  /** Figures with a marker, right or wrong. */
  readonly covered: ReadonlyArray<Span>
  /** The page with every figure from its record. */
  readonly mended: string
}

/** Texts such as a date or the name of a run: the word before the marker. */
const wordBefore = (text: string): Span => {
  const [word = ""] = /[\w.+:/-]*(?=[`*)\]]*\s*$)/.exec(text) ?? []
  const end = text.search(/[`*)\]]*\s*$/)
  return { start: end - word.length, end }
}

const edges = (values: ReadonlyArray<Value>, text: string, offset: number): ReadonlyArray<Span> => {
  if (values.length === 1 && typeof values[0] === "string") {
    const { start, end } = wordBefore(text)
    return [{ start: offset + start, end: offset + end }]
  }
  const lastFigures = figuresIn(text).slice(-values.length)
  if (lastFigures.length < values.length)
    throw new Error(
      `${values.length} figures are marked, ${lastFigures.length} stand before the marker in "${text.trim()}"`,
    )
  return lastFigures.map(({ start, end }) => ({ start: offset + start, end: offset + end }))
}

/** The earliest start of the text of a marker at `start`: after the last marker, border, or end of a paragraph. */
const segmentStart = (page: Page, start: number): number => {
  const before = page.text.slice(0, start)
  const table = before.slice(before.lastIndexOf("\n") + 1).startsWith("|")
  const borders = ["\n\n", "-->", ...(table ? ["|", "\n"] : [])]
  return Math.max(
    ...borders.map((border) => {
      const at = before.lastIndexOf(border)
      return at < 0 ? 0 : at + border.length
    }),
  )
}

/** Checks the markers of a page against the records. */
export const checkPage = (page: Page, records: Records): Checked => {
  const issues: Array<Issue> = []
  const covered: Array<Span> = []
  const edits: Array<Edit> = []

  const compare = (expression: string, text: string, offset: number, at: number) => {
    try {
      const values = evaluate(expression, records)
      edges(values, text, offset).forEach((span, i) => {
        const current = page.text.slice(span.start, span.end)
        const expected = shownAs(values[i]!, current)
        covered.push(span)
        if (current.replace(/\s+/g, " ") === expected) return
        edits.push({ ...span, text: expected })
        issues.push({
          file: page.file,
          line: lineAt(page, span.start),
          message: `shown ${current}, the record has ${expected} (${expression})`,
        })
      })
    } catch (error) {
      if (!(error instanceof Error)) throw error
      issues.push({ file: page.file, line: lineAt(page, at), message: `marker ${expression}: ${error.message}` })
    }
  }

  for (const { expression, start } of page.markers) {
    // At a line's beginning Markdown takes a comment for a separate block, and the rest of its line for raw text.
    if (page.text.slice(page.text.lastIndexOf("\n", start) + 1, start).trim() === "" || expression.includes("\n")) {
      const message = `marker ${expression}: stands on one line, behind its figure or a word`
      issues.push({ file: page.file, line: lineAt(page, start), message })
    }
    const from = segmentStart(page, start)
    compare(expression, page.text.slice(from, start), from, start)
  }
  for (const { columns, start, end } of page.tables) {
    const [head, ...rows] = tableAfter(page, end)
    if (head === undefined || head.length !== columns.length) {
      const message = `${columns.length} columns are marked, the table below has ${head?.length ?? 0}`
      issues.push({ file: page.file, line: lineAt(page, start), message })
      continue
    }
    for (const row of rows) {
      if (row.length !== head.length) {
        const message = `a row of ${row.length} cells under a head of ${head.length}`
        issues.push({ file: page.file, line: lineAt(page, row[0]?.start ?? start), message })
        continue
      }
      const fill = (column: string) =>
        column.replace(/\{([^}]*)\}/g, (_, name: string) =>
          plain(row[name === "" ? 0 : head.findIndex((cell) => plain(cell.text) === name)]?.text ?? ""),
        )
      columns.forEach((column, i) => {
        const cell = row[i]!
        if (column !== "" && cell.text.trim() !== "" && !cell.text.includes("<!--="))
          compare(
            fill(column),
            cell.text.replace(/<!--.*?-->/g, (c) => " ".repeat(c.length)),
            cell.start,
            cell.start,
          )
      })
    }
  }

  let mended = page.text
  for (const { start, end, text } of edits.sort((a, b) => b.start - a.start))
    mended = mended.slice(0, start) + text + mended.slice(end)
  return { issues, covered, mended }
}
