/** A Markdown page in the form for the check of figures: markers, declarations, tables, and the visible text. */

/** `+2.4 <!--= expression -->`: the figures before it on the page, and their source. */
export interface Marker {
  readonly expression: string
  readonly start: number
  readonly end: number
}

/** `<!--=| first | second |-->` above a table: an expression for each column, `{}` for the first cell of a row. */
export interface TableMarker {
  readonly columns: ReadonlyArray<string>
  readonly start: number
  readonly end: number
}

/** `<!--~ kind "60 %": where from -->`: figures without a record here, by one of `kinds`. */
export interface Declaration {
  readonly kind: string
  readonly texts: ReadonlyArray<string>
  readonly reason: string
  readonly start: number
  readonly end: number
}

/** `<!--? expression above 0 -->`: the text around it holds as long as the record supports it. */
export interface Claim {
  readonly text: string
  readonly start: number
}

/** A page: its text, the same with code, comments and addresses blanked, and the content of its comments. */
export interface Page {
  readonly file: string
  readonly text: string
  readonly visible: string
  readonly markers: ReadonlyArray<Marker>
  readonly tables: ReadonlyArray<TableMarker>
  readonly declarations: ReadonlyArray<Declaration>
  readonly claims: ReadonlyArray<Claim>
}

const blank = (text: string) => text.replace(/[^\n]/g, " ")

/**
 * The text with code blocks, code spans, comments, addresses of links and quoted tags as spaces, at unchanged offsets.
 */
const visibleOf = (text: string): string =>
  text
    .replace(/^( *)```[\s\S]*?^\1```$/gm, blank)
    .replace(/<!--[\s\S]*?-->/g, blank)
    .replace(/^ {4,}(?![-*\d]).*$/gm, blank)
    .replace(/(`+)(?:(?!\n\n)[\s\S])*?[^`]\1(?!`)/g, blank)
    .replace(/\]\([^)\n]*\)/g, (target) => `]${blank(target.slice(1))}`)
    .replace(/^\[[^\]]+\]: .*$/gm, blank)

/** The text with code blocks and spans as spaces; comments outside of them remain. */
const withoutCode = (text: string): string =>
  text.replace(/^( *)```[\s\S]*?^\1```$/gm, blank).replace(/(`+)(?:(?!\n\n)[\s\S])*?[^`]\1(?!`)/g, blank)

/** Reads a page. `file` is its path from the root of the repository. */
export const readPage = (file: string, text: string): Page => {
  const markers: Array<Marker> = []
  const tables: Array<TableMarker> = []
  const declarations: Array<Declaration> = []
  const claims: Array<Claim> = []
  for (const comment of withoutCode(text).matchAll(/<!--([=~?])/g)) {
    const start = comment.index
    const close = text.indexOf("-->", start)
    const end = close < 0 ? text.length : close + 3
    const content = text.slice(start + 5, close < 0 ? undefined : close).trim()
    if (comment[1] === "?") claims.push({ text: content, start })
    else if (comment[1] === "~") {
      const [, kind, quoted, reason] = /^(\w*)((?:\s*,?\s*"[^"]*")*)\s*:?\s*([\s\S]*)$/.exec(content)!
      const texts = [...quoted!.matchAll(/"([^"]*)"/g)].map((match) => match[1]!)
      declarations.push({ kind: kind!, texts, reason: reason!, start, end })
    } else if (content.startsWith("|")) {
      const columns = content
        .replace(/^\||\|$/g, "")
        .split("|")
        .map((column) => column.trim())
      tables.push({ columns, start, end })
    } else markers.push({ expression: content, start, end })
  }
  return { file, text, visible: visibleOf(text), markers, tables, declarations, claims }
}

/** The number, from 1, of the line at an offset. */
export const lineAt = (page: Page, offset: number): number => page.text.slice(0, offset).split("\n").length

/** A cell of a table: its text and its position. */
export interface Cell {
  readonly text: string
  readonly start: number
  readonly end: number
}

/** The rows of the table that begins after `offset`, its head first; empty if no table does. */
export const tableAfter = (page: Page, offset: number): ReadonlyArray<ReadonlyArray<Cell>> => {
  const rows: Array<ReadonlyArray<Cell>> = []
  let start = offset
  for (const line of page.text.slice(offset).split("\n")) {
    const from = start
    start += line.length + 1
    if (line.trim() === "" && rows.length === 0) continue
    if (!line.trim().startsWith("|")) break
    if (/^[|\s:-]+$/.test(line)) continue
    const cells: Array<Cell> = []
    // Bars in a comment or in an escape are not borders.
    const bars = [...line.replace(/<!--.*?-->|\\\||`[^`]*`/g, blank).matchAll(/\|/g)].map((match) => match.index)
    for (let i = 0; i + 1 < bars.length; i++)
      cells.push({
        text: line.slice(bars[i]! + 1, bars[i + 1]),
        start: from + bars[i]! + 1,
        end: from + bars[i + 1]!,
      })
    rows.push(cells)
  }
  return rows
}

/** A cell's words, without emphasis, code marks, links, brackets or comments; or the name in its `<!--@ name -->`. */
export const plain = (cell: string): string =>
  /<!--@\s*(.*?)\s*-->/.exec(cell)?.[1] ??
  cell
    .replace(/<!--[\s\S]*?-->/g, "")
    .replace(/\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])/g, "$1")
    .replace(/[*_`]|^\s*\(|\)\s*$/g, "")
    .trim()
