/** The list of runs, for the terminal. */
import { align } from "../table/align.ts"
import { writeInterval } from "../table/cells.ts"
import { fitRows } from "../table/fit.ts"
import type { RunEntry } from "./entry.ts"
import type { WrittenRun } from "./read-run.ts"

const two = (n: number): string => String(n).padStart(2, "0")

/** An ISO moment in local time, to the minute: "2026-11-21 07:05". */
export const localTime = (iso: string): string => {
  const t = new Date(iso)
  if (iso === "" || Number.isNaN(t.getTime())) return "-"
  return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())} ${two(t.getHours())}:${two(t.getMinutes())}`
}

/** A commit in short form: "c54e504", "c54e504+" where files differed from it, "-" outside git. */
export const shortCommit = (commit: WrittenRun["commit"]): string =>
  commit === null ? "-" : `${commit.hash.slice(0, 7)}${commit.dirty ? "+" : ""}`

/** The name of an experiment, with the part that was run. */
export const experimentAndPart = ({ experiment, part }: Pick<RunEntry, "experiment" | "part">): string =>
  part === null ? experiment : `${experiment}/${part}`

/** "greedy acceptance: all-tokens 62.1 % [60.8, 63.4], adaspec ..."; names alone without figures. */
const headlineText = ({ arms, headline }: RunEntry): string => {
  const each = arms.map(({ name, figure }) =>
    figure === null || headline === null ? name : `${name} ${writeInterval(figure, headline)}`,
  )
  return `${headline === null ? "" : `${headline.name}: `}${each.join(", ")}`
}

/** "done"; "smoke, done" of a run whose figures have no meaning. */
export const stateText = ({ state, limit }: RunEntry): string => (limit === null ? state : `smoke, ${state}`)

const heads = ["run", "experiment", "when", "commit", "seeds", "arms", "state", "figure, interval"]
/** Columns that a narrow terminal leaves out, by index: commit, figures, arms, seeds. Figures say something from 36 characters on. */
const narrowed = { drop: [3, 7, 5, 4], least: (column: number) => (column === 7 ? 36 : 24) }

/**
 * A line for each run, aligned.
 *
 * @param columns of the terminal: a narrow one has fewer columns, and lines that are cut; whole lines if left out
 */
export const renderRuns = (entries: ReadonlyArray<RunEntry>, columns?: number): string => {
  const narrow = columns !== undefined && columns < 100
  const rows = entries.map((entry) => [
    entry.run,
    experimentAndPart(entry),
    narrow ? localTime(entry.when).slice(0, 10) : localTime(entry.when),
    shortCommit(entry.commit),
    String(entry.seeds.length),
    String(entry.arms.length),
    stateText(entry),
    headlineText(entry),
  ])
  const left = new Set([0, 1, 2, 3, 6, 7])
  if (columns === undefined) return align([heads, ...rows], left)
  const fitted = fitRows([heads, ...rows], left, columns, narrowed)
  return align(fitted.rows, fitted.left)
}
