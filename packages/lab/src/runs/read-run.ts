/** A run as its folder holds it, whatever version wrote it: what every run.json has had since the first. */
import { existsSync, statSync } from "node:fs"
import { basename, dirname, join, resolve } from "node:path"
import { DataError } from "@winnow/core"
import { parseJson, readRegularText } from "@winnow/files"
import { type } from "arktype"
import { Effect } from "effect"
import { parseRecord } from "../record/read.ts"
import type { RunRecord } from "../record/schema.ts"
import { sha256 } from "../store/key.ts"

const figure = "number | null"
/** Over how many seeds, where the version said it. */
export const intervalSpec = type({ value: figure, low: figure, high: figure, "seeds?": "number" })
export type WrittenInterval = typeof intervalSpec.infer

const row = type({
  name: "string",
  role: "string",
  greedyAcceptance: intervalSpec,
  expectedAcceptance: intervalSpec,
  tau: intervalSpec,
  "draftKl?": intervalSpec,
})

const writtenRun = type({
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
  conditions: { dataset: "string", prompts: "number", gamma: "number" },
  rows: row.array(),
  stages: type({ kind: "string", label: "string", key: "string" }).array(),
  "missing?": "unknown[]",
})

/** The part of a run.json that no version has changed, and those figures that any version may have. */
export type WrittenRun = typeof writtenRun.infer

/** A run.json that was read. */
export interface RunFile {
  /** The folder, absolute. */
  readonly directory: string
  /** SHA-256 of the file. */
  readonly hash: string
  readonly written: WrittenRun
  /** The whole record, where this version of the lab can read it. */
  readonly record: RunRecord | undefined
}

/** The folder of a run: itself, or the one that the run.json named lies in. */
export const runFolder = (path: string): string => resolve(basename(path) === "run.json" ? dirname(path) : path)

/** True if there is a run.json. */
export const hasRun = (path: string): boolean => {
  const file = join(runFolder(path), "run.json")
  return existsSync(file) && statSync(file).isFile()
}

/**
 * Reads a run.
 *
 * @param path the folder, or the run.json in it
 * @error DataError for a file that is not there, is not JSON, or is no run's: says which field
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
    const written = writtenRun(json)
    if (written instanceof type.errors) return yield* fail(`${written.summary}; is it the record of a run?`)
    return { directory, hash: sha256(text), written, record: parseRecord(json) }
  })
