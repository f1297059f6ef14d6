/** The run store's entry of a run: the contents of its run.json, and the outcome of each attempt. */
import { limitOf } from "../record/smoke.ts"
import type { TableColumn, TableFigure } from "../study/table.ts"
import type { RunFile, WrittenRun } from "./read-run.ts"

/**
 * - running: a process works on it now
 * - done, incomplete: its run.json exists; incomplete if cells (arm x seed) are missing in it
 * - stopped: interrupted or killed before it had a run.json; the same command goes on
 * - failed: ended with an error before it had a run.json
 * - unreadable: its run.json is damaged
 */
export type RunState = "running" | "done" | "incomplete" | "stopped" | "failed" | "unreadable"

/** The facts of a run at its beginning. */
export interface Beginning {
  /** Its results folder, absolute. */
  readonly directory: string
  readonly run: string
  /** NNN-slug. */
  readonly experiment: string
  readonly part: string | null
  /** Steps of `--limit`, which made it a smoke run; null of a run that nothing cut. */
  readonly limit: number | null
  readonly seeds: ReadonlyArray<number>
  readonly arms: ReadonlyArray<string>
  readonly commit: WrittenRun["commit"]
  /** The arguments of the first process. */
  readonly command: ReadonlyArray<string>
}

/** One attempt at a run. */
export interface Attempt {
  readonly command: ReadonlyArray<string>
  readonly pid: number
  readonly began: string
  /** Null while it runs, and after a kill. */
  readonly ended: string | null
  readonly state: "running" | "done" | "incomplete" | "stopped" | "failed"
  /** The message of the failure. */
  readonly message: string | null
}

/** A run of the list. */
export interface RunEntry extends Omit<Beginning, "arms" | "command"> {
  readonly state: RunState
  /** Time of its record, or, without a record, of the beginning of its last attempt. ISO. */
  readonly when: string
  /** The column that lists show first, from the first table; null without a record. */
  readonly headline: TableColumn | null
  /** In the experiment's order, with the headline's figure; null without one. */
  readonly arms: ReadonlyArray<{ readonly name: string; readonly figure: TableFigure | null }>
  /** The schema version of its run.json; null if there is none that can be read. */
  readonly schema: number | null
  readonly attempts: ReadonlyArray<Attempt>
}

/** The part of a run.json that the index keeps. */
export type Summary = Omit<RunEntry, "attempts">

/** The first column of figures of the first table, or of ranges where it has no figures: lists show it first. */
const headlineOf = ({ tables }: WrittenRun): TableColumn | null =>
  (["figure", "range"] as const).map((of) => tables[0]?.columns.find(({ kind }) => kind === of)).find(Boolean) ?? null

/** The figures of one column, by row, without the rows that are there for comparison. */
const figuresOf = ({ tables }: WrittenRun, column: TableColumn | null): Summary["arms"] =>
  (tables[0]?.rows ?? [])
    .filter(({ context }) => !context)
    .map(({ name, cells }) => {
      const cell = column === null ? null : cells[column.key]
      return { name, figure: typeof cell === "object" ? cell : null }
    })

/** The summary of a run.json. */
export const summaryOf = ({ directory, written }: Pick<RunFile, "directory" | "written">): Summary => {
  const headline = headlineOf(written)
  return {
    directory,
    run: written.run,
    experiment: written.experiment,
    part: written.part ?? null,
    limit: limitOf(written.config),
    state: (written.missing ?? []).length > 0 ? "incomplete" : "done",
    when: written.created,
    commit: written.commit,
    seeds: written.seeds,
    headline,
    arms: figuresOf(written, headline),
    schema: written.schema,
  }
}

/** A run from its attempts and its record. A record takes precedence over attempts. */
export const entryOf = (
  summary: Summary | undefined,
  attempts: ReadonlyArray<Attempt>,
  beginning: Beginning | undefined,
): RunEntry | undefined => {
  const last = attempts.at(-1)
  const running = attempts.findLast(({ state }) => state === "running")
  if (summary !== undefined) {
    if (running === undefined) return { ...summary, attempts }
    return { ...summary, state: "running", when: running.began, attempts }
  }
  if (last === undefined || beginning === undefined) return undefined
  // The run had a record; its folder was deleted.
  if (running === undefined && (last.state === "done" || last.state === "incomplete")) return undefined
  const { command: _, ...rest } = beginning
  return {
    ...rest,
    headline: null,
    arms: beginning.arms.map((name) => ({ name, figure: null })),
    state: running === undefined ? last.state : "running",
    when: (running ?? last).began,
    schema: null,
    attempts,
  }
}
