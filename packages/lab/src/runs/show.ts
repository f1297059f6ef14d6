/** One run, from its record. */
import { currentSchema } from "../record/schema.ts"
import { wrap } from "../table/align.ts"
import { tableText } from "../table/cells.ts"
import { fitText } from "../table/fit.ts"
import { renderTable } from "../table.ts"
import type { RunEntry } from "./entry.ts"
import { experimentAndPart, localTime, shortCommit } from "./list.ts"
import { isTablesRecord, type RunFile, type WrittenRun } from "./read-run.ts"

/** Width at which sentences are broken at the most, in columns of a terminal. */
const widest = 120

/** The name of a run and its time, in one line. */
export const runTitle = (written: WrittenRun): string => {
  const { run, created, commit, seeds } = written
  const of = experimentAndPart({ experiment: written.experiment, part: written.part ?? null })
  const many = `${seeds.length} ${seeds.length === 1 ? "seed" : "seeds"}`
  return `${of} ${run}, ${localTime(created)}, commit ${shortCommit(commit)}, ${many}`
}

/**
 * All tables of a record with their notes, the verdict first.
 *
 * @param columns of the terminal: tables take no more, and are whole if it is left out
 */
export const tablesText = (
  { tables }: Pick<WrittenRun, "tables">,
  verdict: string | undefined,
  columns?: number,
): string => {
  const width = Math.min(widest, columns ?? widest)
  return [
    ...(verdict === undefined ? [] : [wrap(verdict, width)]),
    ...tables.map((table) =>
      [`${table.title}:`, tableText(table, columns), ...table.notes.map((note) => wrap(note, width))].join("\n"),
    ),
  ].join("\n\n")
}

/** The figures of a distillation that another version of the lab wrote. */
const otherVersion = (written: WrittenRun, columns: number | undefined): string => {
  const { dataset, prompts } = written.data
  const which = written.schema < currentSchema ? "an earlier" : "another"
  return [
    `Written by ${which} version (run.json of schema ${written.schema}): its report.html has all that it found.`,
    tablesText(written, undefined, columns),
    `${dataset}, ${prompts} prompts, seeds ${written.seeds.join(", ")}.`,
  ].join("\n\n")
}

/** The tables of a run as the run itself printed them; for a run of another version, the readable part. */
export const renderRun = ({ record, written }: RunFile, columns?: number): string => {
  if (record === undefined) return otherVersion(written, columns)
  return isTablesRecord(record) ? tablesText(written, record.verdict, columns) : renderTable(record, columns)
}

/** The attempts at a run without a record: the beginning, the command and the end of each. */
export const renderAttempts = (entry: RunEntry, columns?: number): string => {
  const rows = entry.attempts.map(({ began, state, pid, command, message }) => [
    localTime(began),
    state,
    String(pid),
    command.join(" "),
    message ?? "",
  ])
  return [
    `${experimentAndPart(entry)} ${entry.run} is ${entry.state} and has no record yet. Run the same command to continue.`,
    "",
    fitText([["began", "state", "process", "command", "error"], ...rows], new Set([0, 1, 3, 4]), columns, {
      drop: [2, 1],
    }),
  ].join("\n")
}
