/** The results folder of a run: its record, the raw counts, the metrics and the report, from the artifacts of its stages. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { DataError, type InvalidInput } from "@winnow/core"
import { parseJson, writeWhole } from "@winnow/files"
import { type } from "arktype"
import { Effect } from "effect"
import type { Resolved } from "./experiment/resolved.ts"
import type { Graph } from "./graph.ts"
import { countsFile } from "./record/counts.ts"
import type { MissingRecord } from "./record/header.ts"
import { makeMeasuresRecord } from "./record/measures-record.ts"
import { type MeasuresRecord, measuresRecord } from "./record/measures-schema.ts"
import { metricsText, runMetrics } from "./record/metrics.ts"
import type { MadeBy, RunOf } from "./record/parts.ts"
import { parseRecord } from "./record/read.ts"
import { makeRecord } from "./record/record.ts"
import type { RunRecord } from "./record/schema.ts"
import { docsFrom } from "./report/docs-folder.ts"
import { renderReport } from "./report/report.ts"
import type { StageError } from "./stage.ts"
import { openTokenizer } from "./stages/text.ts"
import { canonicalJson } from "./store/key.ts"
import type { Artifact } from "./store/store.ts"
import { makeStudyRecord } from "./study/plan.ts"
import { parseTables, type StudyRecord, type TablesRecord } from "./study/record.ts"

/** The records of a run: at least one of both. */
export interface Records {
  /** The drafts as a distillation; undefined of a run that measures no acceptance. */
  readonly record: RunRecord | undefined
  /** The record with all its figures in tables: of a study, with the drafts' own in it, or of a run without acceptance. */
  readonly study: TablesRecord | undefined
}

/** The content of run.json. */
export const documentOf = ({ record, study }: Records): RunRecord | TablesRecord => study ?? record!

/** A run whose stages have come to an end. */
export interface Ended {
  readonly of: RunOf
  readonly resolved: Resolved
  readonly graph: Graph
  readonly artifacts: ReadonlyMap<string, Artifact>
  readonly missing: ReadonlyArray<MissingRecord>
  readonly madeBy: MadeBy
  /** The folder of the results. */
  readonly directory: string
  /** True if a record that lies there already has the same figures: all stages were in the store. */
  readonly unchanged: boolean
}

const jsonIn = (directory: string): unknown => parseJson(readFileSync(join(directory, "run.json"), "utf8"))

/** A folder's run.json as this reads it; undefined if it is missing or of another form. */
const readAs = <R>(directory: string, read: (json: unknown) => R | undefined): R | undefined => {
  try {
    return read(jsonIn(directory))
  } catch {
    return undefined
  }
}

/** The distillation in the run.json of a folder; undefined if it is missing or this version cannot read it. */
export const readRecord = (directory: string): RunRecord | undefined =>
  readAs(directory, (json) => {
    const tables = parseTables(json)
    if (tables instanceof type.errors) return parseRecord(json)
    return "drafts" in tables ? tables.drafts : undefined
  })

const readMeasures = (directory: string): MeasuresRecord | undefined =>
  readAs(directory, (json) => {
    const found = measuresRecord(json)
    return found instanceof type.errors ? undefined : found
  })

/** True if a folder's run.json says of a study what it says now: the code of its report may be another than it was. */
const saysTheSame = (directory: string, { verdict, conclusions, tables }: TablesRecord): boolean => {
  const written = parseTables(jsonIn(directory))
  if (written instanceof type.errors) return false
  const now = JSON.parse(JSON.stringify([verdict, conclusions, tables])) as unknown
  return canonicalJson([written.verdict, written.conclusions, written.tables]) === canonicalJson(now)
}

/** The records of a run; counts of one that is new, and whether run.json is to be written. */
interface Said extends Records {
  readonly counts: string | undefined
  readonly isNew: boolean
}

/** The record of a run that measures acceptance, and that of its study. */
const distilled = (
  { of, resolved, graph, artifacts, missing, madeBy, directory, unchanged }: Ended,
  rollouts: NonNullable<Graph["rollouts"]>,
): Effect.Effect<
  Said & { readonly record: RunRecord; readonly study: StudyRecord | undefined },
  DataError | InvalidInput
> =>
  Effect.gen(function* () {
    const there = unchanged ? readRecord(directory) : undefined
    const made = there ? undefined : yield* makeRecord(of, resolved, graph, rollouts, artifacts, missing, madeBy)
    const record = there ?? made!.record
    const study = graph.study && makeStudyRecord(graph.study, record, artifacts)
    const isNew = made !== undefined || (study !== undefined && !saysTheSame(directory, study))
    return { record, study, counts: made?.counts, isNew }
  })

/** The record of a run that measures no acceptance. */
const measured = ({ of, resolved, graph, artifacts, missing, madeBy, directory, unchanged }: Ended) =>
  Effect.gen(function* () {
    const there = unchanged ? readMeasures(directory) : undefined
    if (there && graph.reading === undefined)
      return { record: undefined, study: there, counts: undefined, isNew: false }
    const made = yield* makeMeasuresRecord(of, resolved, graph, artifacts, missing, madeBy)
    if (there && saysTheSame(directory, made.record))
      return { record: undefined, study: there, counts: undefined, isNew: false }
    return { record: undefined, study: made.record, counts: made.counts, isNew: true }
  })

/**
 * Writes the results of a run. A run whose stages were all in the store keeps its run.json: the same figures, made by the same
 * code.
 */
export const writeResults = (ended: Ended): Effect.Effect<Records, StageError> =>
  Effect.gen(function* () {
    const { graph, artifacts, directory } = ended
    const tokenizer = yield* openTokenizer(artifacts.get(graph.tokenizer.key)!)
    const metrics = runMetrics(graph, artifacts, tokenizer)
    const of = graph.rollouts
      ? yield* Effect.map(distilled(ended, graph.rollouts), (said) => ({
          ...said,
          document: said.study ?? said.record,
        }))
      : yield* Effect.map(measured(ended), (said) => ({
          ...said,
          document: said.study,
        }))
    const { record, study, counts, isNew, document } = of
    const html = yield* Effect.promise(() => renderReport(document, metrics, docsFrom(directory)))
    yield* Effect.try({
      try: () => {
        writeWhole(join(directory, "metrics.jsonl"), metricsText(metrics))
        writeWhole(join(directory, "report.html"), html)
        if (counts !== undefined) writeWhole(join(directory, countsFile), counts)
        // Last: its presence says that the folder is whole.
        if (isNew) writeWhole(join(directory, "run.json"), `${JSON.stringify(document, null, 2)}\n`)
      },
      catch: (error) =>
        new DataError({ message: `results ${directory} cannot be written: ${String(error)}`, cause: error }),
    })
    return { record, study }
  })
