/** Reads a run from its folder, of any study and version: the header of its record, and its figures as tables. */
import { existsSync, statSync } from "node:fs"
import { basename, dirname, join, resolve } from "node:path"
import { DataError } from "@winnow/core"
import { parseJson, readRegularText, sha256 } from "@winnow/files"
import { type } from "arktype"
import { Effect } from "effect"
import { studySchema } from "../record/header.ts"
import { parseRecord } from "../record/read.ts"
import type { RunRecord } from "../record/schema.ts"
import { parseTables, type TablesRecord } from "../study/record.ts"
import type { StudyTable } from "../study/table.ts"
import { distillationTables } from "../table/distillation.ts"
import { earlierRow, earlierTable } from "./earlier-table.ts"

const writtenHeader = type({
  schema: "number",
  experiment: "string",
  "part?": "string | null",
  "preset?": "string | null",
  question: "string",
  run: "string",
  created: "string",
  config: "Record<string, unknown>",
  seeds: "number[]",
  commit: type({ hash: "string", dirty: "boolean" }).or("null"),
  versions: "Record<string, unknown>",
  machine: "Record<string, unknown>",
  stages: type({ kind: "string", label: "string", key: "string" }).array(),
  "missing?": "unknown[]",
})

/** Fields of a distillation that are the same in all versions. */
const earlierDistillation = type({
  conditions: { dataset: "string", prompts: "number", gamma: "number" },
  rows: earlierRow.array(),
})

/** A record in the form that lists, comparisons and repeats use. */
export interface WrittenRun extends Readonly<typeof writtenHeader.infer> {
  /** The kind of the study. */
  readonly study: string
  readonly data: { readonly dataset: string; readonly prompts: number }
  readonly tables: ReadonlyArray<StudyTable>
}

/** A run.json that was read. */
export interface RunFile {
  /** The folder, absolute. */
  readonly directory: string
  /** SHA-256 of the file. */
  readonly hash: string
  readonly written: WrittenRun
  /** The whole record, if this version of the lab can read it. */
  readonly record: RunRecord | TablesRecord | undefined
}

/** True for a record with all its figures in tables. */
export const isTablesRecord = (record: RunRecord | TablesRecord): record is TablesRecord => "study" in record

/** The folder of a run, from its path or that of its run.json. */
export const runFolder = (path: string): string => resolve(basename(path) === "run.json" ? dirname(path) : path)

/** True if there is a run.json. */
export const hasRun = (path: string): boolean => {
  const file = join(runFolder(path), "run.json")
  return existsSync(file) && statSync(file).isFile()
}

/** A distillation's record in the form that all studies share. */
export const writtenDistillation = (record: RunRecord): WrittenRun => ({
  ...record,
  study: "distillation",
  data: { dataset: record.conditions.dataset, prompts: record.conditions.prompts },
  tables: distillationTables(record),
})

/** Reads a record of any form; a sentence on the fault for any other document. */
const recordOf = (json: unknown): Pick<RunFile, "written" | "record"> | string => {
  const header = writtenHeader(json)
  if (header instanceof type.errors) return header.summary
  if (header.schema >= studySchema) {
    const study = parseTables(json)
    return study instanceof type.errors ? study.summary : { written: study, record: study }
  }
  const record = parseRecord(json)
  if (record !== undefined) return { written: writtenDistillation(record), record }
  const earlier = earlierDistillation(json)
  if (earlier instanceof type.errors) return earlier.summary
  const { conditions, rows } = earlier
  const written = { ...header, study: "distillation", data: conditions, tables: [earlierTable(rows, conditions.gamma)] }
  return { written, record: undefined }
}

/**
 * Reads a run.
 *
 * @param path the folder, or the run.json in it
 * @error DataError for a missing file, a file that is not JSON, or one that is not a run's: names the field
 */
export const readRun = (path: string): Effect.Effect<RunFile, DataError> =>
  Effect.gen(function* () {
    const directory = runFolder(path)
    const file = join(directory, "run.json")
    const fail = (why: string, cause?: unknown) =>
      new DataError({ message: `${file} cannot be read: ${why}`, ...(cause === undefined ? {} : { cause }) })
    const text = yield* Effect.try({
      try: () => readRegularText(file, { most: 256 << 20, what: "the record of a run" }),
      catch: (error) =>
        fail(`${(error as Error).message}; expected the folder of a run, such as results/NNN-slug/RUN`, error),
    })
    const json = yield* Effect.try({ try: () => parseJson(text) as unknown, catch: (error) => fail(String(error)) })
    const found = recordOf(json)
    if (typeof found === "string") return yield* fail(`${found}; is it the record of a run?`)
    return { directory, hash: sha256(text), ...found }
  })
