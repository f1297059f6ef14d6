/** The short print of a run: at most ten lines, the verdict first. */
import { exportHint } from "./export/commands.ts"
import { differenceBetween, isCompared } from "./record/comparisons.ts"
import type { RowRecord, RunRecord } from "./record/schema.ts"
import type { TablesRecord } from "./study/record.ts"
import { align, wrap } from "./table/align.ts"
import { cellsOf } from "./table/cells.ts"
import { percent, plain, plusMinus, type Scale, written } from "./table/format.ts"

/** Lines of a summary. */
export const summaryLines = 10

/** Columns of the table at the most, whatever the terminal has. */
const tableWidth = 80

const signed = (x: number, scale: Scale): string => {
  const text = written(x, scale)
  return Number(text) > 0 ? `+${text}` : text
}

/** "+4.6 [+2.4, +6.7]", the value alone where nothing is concluded from the interval; "" for the baseline and for no arm. */
const minusBaseline = (run: RunRecord, { name, role }: RowRecord): string => {
  if (role !== "arm" || name === run.baseline) return ""
  const difference = differenceBetween(run, name, run.baseline)
  if (difference?.value == null) return "-"
  const value = signed(difference.value, percent)
  if (!isCompared(difference)) return value
  return `${value} [${signed(difference.low!, percent)}, ${signed(difference.high!, percent)}]`
}

const fitted = (text: string, width: number): string => (text.length <= width ? text : `${text.slice(0, width - 1)}…`)

/**
 * The rows that there is room for: the arm that the run is about, the baseline and the start before others, all in the
 * record's order.
 */
const rowsFor = (run: RunRecord, room: number): ReadonlyArray<RowRecord> => {
  const rank = ({ name, role }: RowRecord) =>
    name === run.about ? 0 : name === run.baseline ? 1 : role === "start" ? 2 : role === "arm" ? 3 : 4
  const chosen = new Set(run.rows.toSorted((a, b) => rank(a) - rank(b)).slice(0, room))
  return run.rows.filter((row) => chosen.has(row))
}

/**
 * Verdict, a table of greedy acceptance, tau and what each arm has more than the baseline, where the report lies, and how
 * a draft leaves the run.
 *
 * @param where the folder of report.html and run.json, as it is shown
 * @param columns of the terminal: the verdict is broken for them, the table never takes more than 80
 */
export const renderSummary = (run: RunRecord, where: string, columns: number): string => {
  const width = Math.max(40, columns)
  const part = run.part === null ? "" : `${run.part}. `
  const verdict = wrap(`${part}${run.verdict}`, width).split("\n")
  const last = [`report.html and run.json: ${where}`, exportHint(run)]
  const room = summaryLines - verdict.length - 1 - last.length
  const few = run.rows.length > room ? rowsFor(run, Math.max(1, room - 1)) : run.rows
  const cells = few.map((row) => [
    row.role === "arm" ? row.name : `(${row.name})`,
    plusMinus(row.greedyAcceptance, percent),
    plusMinus(row.tau, plain),
    minusBaseline(run, row),
  ])
  const head = ["arm", "greedy %", `tau (g=${run.conditions.gamma})`, `minus ${run.baseline}`]
  const widest = (column: number) => Math.max(...cells.map((row) => Bun.stringWidth(row[column]!)))
  // Figures are never cut: the head of the differences first, then names.
  const taken = Math.max(widest(1), head[1]!.length) + Math.max(widest(2), head[2]!.length) + 3 * 2
  const rest = Math.min(width, tableWidth) - taken
  const difference = Math.max(widest(3), Math.min(head[3]!.length, rest - widest(0)))
  const table = [
    [...head.slice(0, 3), fitted(head[3]!, difference)],
    ...cells.map(([first, ...figures]) => [fitted(first!, Math.max(8, rest - difference)), ...figures]),
  ]
  // A single arm is compared to nothing.
  const compared = cells.some(([, , , minus]) => minus !== "")
  const shown = compared ? table : table.map((row) => row.slice(0, 3))
  const [top, , ...rows] = align(shown, new Set([0])).split("\n")
  const left = run.rows.length - few.length
  const more = left === 0 ? [] : [`and ${left} more: --verbose, or the report`]
  return [...verdict, top!, ...rows, ...more, ...last].join("\n")
}

/**
 * The verdict of a study or of a run without acceptance, its first table as far as it fits, and where the report lies.
 *
 * @param where the folder of report.html and run.json, as it is shown
 * @param columns of the terminal: the verdict is broken for them, the table never takes more than 80
 */
export const renderStudySummary = (study: TablesRecord, where: string, columns: number): string => {
  const width = Math.max(40, columns)
  const part = study.part === null ? "" : `${study.part}. `
  const verdict = wrap(`${part}${study.verdict}`, width).split("\n")
  const cells = cellsOf(study.tables[0]!).rows // a record has at least one table
  // Whole columns from the left, as many as fit; figures are never cut.
  const fits = (count: number) =>
    Math.max(
      ...align(
        cells.map((row) => row.slice(0, count)),
        new Set([0]),
      )
        .split("\n")
        .map((line) => Bun.stringWidth(line)),
    ) <= Math.min(width, tableWidth)
  let count = cells[0]!.length
  while (count > 2 && !fits(count)) count--
  const [top, , ...rows] = align(
    cells.map((row) => row.slice(0, count)),
    new Set([0]),
  ).split("\n")
  const last = [`report.html and run.json: ${where}`, ...("arms" in study ? [exportHint(study)] : [])]
  const room = Math.max(1, summaryLines - verdict.length - 1 - last.length)
  const shown = rows.length > room ? rows.slice(0, room - 1) : rows
  const left = rows.length - shown.length
  const more = left === 0 ? [] : [`and ${left} more: --verbose, or the report`]
  return [...verdict, top!, ...shown, ...more, ...last].join("\n")
}
