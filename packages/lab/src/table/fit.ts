/** Tables that fit a terminal: words are cut, then whole columns are left out; a line is never broken, a figure never cut. */
import { align, wrap } from "./align.ts"

/** Characters that words keep at least, names of rows more; a column that would keep fewer is left out. */
const leastWords = (column: number): number => (column === 0 ? 24 : 14)
/** Columns that stay in any case: the names, and one beside them. */
const leastColumns = 2

const cutTo = (text: string, width: number): string =>
  Bun.stringWidth(text) <= width ? text : `${[...text].slice(0, Math.max(0, width - 1)).join("")}…`

/** The beginning and the end of a text: of a path both tell it from others. */
const cutInside = (text: string, width: number): string => {
  if (Bun.stringWidth(text) <= width) return text
  const end = Math.floor((width - 1) / 2)
  const letters = [...text]
  return `${letters.slice(0, width - 1 - end).join("")}…${letters.slice(letters.length - end).join("")}`
}

type Rows = ReadonlyArray<ReadonlyArray<string>>

const widthsOf = (rows: Rows): Array<number> =>
  (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => Bun.stringWidth(row[i] ?? ""))))

const totalOf = (widths: ReadonlyArray<number>): number => widths.reduce((a, b) => a + b, 0) + 2 * (widths.length - 1)

/**
 * Widths of these columns with the widest words cut until all fit; undefined if words would keep too little.
 *
 * @param least of each column: infinite for one that is not cut
 */
const cutWidths = (
  natural: ReadonlyArray<number>,
  least: ReadonlyArray<number>,
  width: number,
): ReadonlyArray<number> | undefined => {
  const widths = [...natural]
  for (let over = totalOf(widths) - width; over > 0; over--) {
    const widest = widths.reduce((best, w, i) => (w > least[i]! && (best < 0 || w > widths[best]!) ? i : best), -1)
    if (widest < 0) return undefined
    widths[widest]!--
  }
  return widths
}

export interface FitOptions {
  readonly drop?: ReadonlyArray<number>
  readonly least?: (column: number) => number
  /** Columns whose words are cut inside, not at their end. */
  readonly inside?: ReadonlySet<number>
}

/** A table that fits. */
export interface Fitted {
  readonly rows: Rows
  readonly left: ReadonlySet<number>
  /** Heads of the columns that were left out. */
  readonly out: ReadonlyArray<string>
}

/**
 * The rows as they fit a width, the first the head.
 *
 * @param left columns of words
 * @param options.drop columns by index, the first to go first; the last ones first if left out
 * @param options.least characters that the words of a column keep
 * @param options.inside columns of paths, which are cut inside
 */
export const fitRows = (rows: Rows, left: ReadonlySet<number>, width: number, options: FitOptions = {}): Fitted => {
  const head = rows[0] ?? []
  const { drop = head.map((_, i) => i).toReversed(), least = leastWords, inside = new Set() } = options
  const natural = widthsOf(rows)
  for (let gone = 0; ; gone++) {
    const out = new Set(drop.slice(0, gone))
    const kept = head.flatMap((_, i) => (out.has(i) ? [] : [i]))
    const last = gone === drop.length || kept.length <= leastColumns
    const widthsWith = (least: (column: number) => number) =>
      cutWidths(
        kept.map((i) => natural[i]!),
        kept.map((i) => (left.has(i) ? least(i) : Number.POSITIVE_INFINITY)),
        width,
      )
    const widths = widthsWith(least) ?? (last ? widthsWith(() => 4) : undefined)
    if (widths === undefined && !last) continue
    return {
      rows: rows.map((row) =>
        kept.map((i, place) =>
          widths === undefined ? row[i]! : (inside.has(i) ? cutInside : cutTo)(row[i] ?? "", widths[place]!),
        ),
      ),
      left: new Set(kept.flatMap((i, place) => (left.has(i) ? [place] : []))),
      out: head.filter((_, i) => out.has(i)),
    }
  }
}

/**
 * A table as aligned text that fits, with a line on the columns that were left out.
 *
 * @param width columns of the terminal; all of the table if left out
 */
export const fitText = (
  rows: Rows,
  left: ReadonlySet<number>,
  width: number | undefined,
  options?: FitOptions,
): string => {
  if (width === undefined) return align(rows, left)
  const fitted = fitRows(rows, left, width, options)
  const text = align(fitted.rows, fitted.left)
  if (fitted.out.length === 0) return text
  return `${text}\n${wrap(`not shown at ${width} columns: ${fitted.out.join("; ")}`, width)}`
}
