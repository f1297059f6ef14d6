/** One run, from its record. */
import { currentSchema } from "../record/schema.ts"
import { align } from "../table/align.ts"
import { renderTable } from "../table.ts"
import type { RunEntry } from "./entry.ts"
import { measures, writeInterval } from "./figures.ts"
import { experimentAndPart, localTime, shortCommit } from "./list.ts"
import type { RunFile, WrittenRun } from "./read-run.ts"

/** The name of a run and its time, in one line. */
export const runTitle = (written: WrittenRun): string => {
  const { run, created, commit, seeds } = written
  const of = experimentAndPart({ experiment: written.experiment, part: written.part ?? null })
  const many = `${seeds.length} ${seeds.length === 1 ? "seed" : "seeds"}`
  return `${of} ${run}, ${localTime(created)}, commit ${shortCommit(commit)}, ${many}`
}

/** The figures that every version has written, with their intervals. */
const commonTable = ({ rows, conditions, seeds }: WrittenRun): string => {
  const have = measures.filter(({ key }) => rows.some((row) => row[key] !== undefined))
  const cells = rows.map((row) => [
    row.role === "arm" ? row.name : `(${row.name})`,
    ...have.map(({ key, write }) => (row[key] === undefined ? "-" : writeInterval(row[key], write))),
  ])
  const { dataset, prompts, gamma } = conditions
  return [
    align([["arm", ...have.map(({ name }) => name)], ...cells], new Set([0])),
    "",
    `Greedy decoding, gamma = ${gamma}, ${dataset}, ${prompts} prompts, seeds ${seeds.join(", ")}; intervals in brackets.`,
  ].join("\n")
}

/** The table of a run as the run itself printed it; of one that an earlier version wrote, what can be read of it. */
export const renderRun = ({ record, written }: RunFile): string =>
  record === undefined
    ? `Written by ${written.schema < currentSchema ? "an earlier" : "another"} version (run.json of schema ${written.schema}): its report.html has all that it found.\n\n${commonTable(written)}`
    : renderTable(record)

/** The attempts at a run that has no record (yet): when it was begun, by which command, and how that ended. */
export const renderAttempts = (entry: RunEntry): string => {
  const rows = entry.attempts.map(({ began, state, pid, command, message }) => [
    localTime(began),
    state,
    String(pid),
    command.join(" "),
    message ?? "",
  ])
  return [
    `${experimentAndPart(entry)} ${entry.run} is ${entry.state} and has no record yet. To go on, run the same command.`,
    "",
    align([["began", "state", "process", "command", "error"], ...rows], new Set([0, 1, 3, 4])),
  ].join("\n")
}
