/** Makes the record of a run that measures no acceptance. */

import type { DataError, InvalidInput } from "@winnow/core"
import { parameterCount } from "@winnow/models"
import { Effect } from "effect"
import { draftParameters } from "../architectures.ts"
import type { Resolved } from "../experiment/resolved.ts"
import { datasetName, type Graph } from "../graph.ts"
import { pooled } from "../statistics/sample.ts"
import type { Artifact } from "../store/store.ts"
import { findingsOf, type PlannedReading } from "../study/plan.ts"
import type { StudyMeasures } from "../study/study.ts"
import type { TableColumn } from "../study/table.ts"
import { costTable } from "../table/cost.ts"
import { differencesTable } from "../table/differences.ts"
import { baselineOf } from "./baseline.ts"
import { choicesTables } from "./choices.ts"
import { measuresCountsText } from "./counts.ts"
import { type MissingRecord, studySchema } from "./header.ts"
import { measuredCounts, measuredDrafts, measuresTable } from "./measures.ts"
import { measuresConclusions } from "./measures-conclusions.ts"
import { type MeasuresRecord, measuresRun } from "./measures-schema.ts"
import { headerOf, type MadeBy, type RunOf, sweepOf, trainedRows } from "./parts.ts"
import { pairedDifferences } from "./rows.ts"
import { wordsOf } from "./smoke.ts"
import { stabilityTables } from "./stability.ts"

/** Columns of differences: those of shares are in points. */
const inPoints = (columns: ReadonlyArray<TableColumn>): ReadonlyArray<TableColumn> =>
  columns.map((column) => (column.unit === "%" ? { ...column, head: `${column.name}, points` } : column))

/** A record with the words and tables of a study before its own. */
const withStudy = (
  record: MeasuresRecord,
  { instance, stages }: PlannedReading,
  measures: StudyMeasures,
  artifacts: ReadonlyMap<string, Artifact>,
): MeasuresRecord => {
  const { verdict, conclusions, tables, alone } = instance.report(record, measures, findingsOf(stages, artifacts))
  // The last one states the scope; the verdict is the study's.
  const others = alone ? record.conclusions.slice(-1) : record.conclusions.filter((text) => text !== record.verdict)
  return {
    ...record,
    study: instance.name,
    verdict,
    conclusions: [...new Set([verdict, ...conclusions, ...others])],
    tables: [...tables, ...record.tables],
  }
}

/**
 * The record of a run without acceptance, and the raw counts that its figures follow from.
 *
 * A draft that is missing under a seed has no figure of it, as in a distillation.
 */
export const makeMeasuresRecord = (
  of: RunOf,
  resolved: Resolved,
  graph: Graph,
  artifacts: ReadonlyMap<string, Artifact>,
  missing: ReadonlyArray<MissingRecord>,
  madeBy: MadeBy,
): Effect.Effect<{ readonly record: MeasuresRecord; readonly counts: string }, DataError | InvalidInput> =>
  Effect.gen(function* () {
    const { arms, measure } = graph.settled
    const measured = yield* measuredDrafts(graph, artifacts)
    const counts = measuresCountsText(measuredCounts(measured))
    const drafts = measured.drafts.filter((draft) => draft.measured.length > 0)
    const rows = yield* trainedRows(graph, drafts, artifacts)
    const compared = drafts
      .filter(({ name }) => arms.some((arm) => arm.name === name))
      .map(({ name, cells }) => ({
        name,
        samples: Object.fromEntries([...cells].map(([key, bySeed]) => [key, bySeed.size ? pooled(bySeed) : undefined])),
      }))
    const differences = pairedDifferences(compared, measured.keys, graph.reading?.instance.pairs)
    const splits = artifacts.get(graph.data.key)!.manifest.summary as Readonly<
      Record<string, { readonly dropped: number }>
    >
    const { target } = graph.architectures
    const sweep = sweepOf(graph, artifacts)
    const table = measuresTable("Measures", graph, measured)
    const record: MeasuresRecord = {
      schema: studySchema,
      study: "measures",
      ...(yield* headerOf(of, resolved, graph, { artifacts, missing, madeBy, counts })),
      data: { dataset: datasetName(resolved), prompts: measure.prompts },
      tables: [
        table,
        differencesTable(inPoints(table.columns), differences),
        costTable({ rows, sweep }),
        ...choicesTables(graph.settled),
        ...(yield* stabilityTables(graph, artifacts)),
      ].filter(({ rows }) => rows.length > 0),
      arms: {
        baseline: baselineOf(graph.settled),
        about: resolved.about ?? null,
        target: artifacts.has(graph.target.key) ? { parameters: parameterCount(target) } : null,
        draftParameters: draftParameters(graph.architectures),
        dropped: { train: splits["train"]!.dropped, measured: splits[measure.split]!.dropped },
        rows: [...rows],
        differences,
        sweep,
      },
    }
    const { verdict, conclusions } = measuresConclusions(record, measuresRun(record))
    const told = { ...record, verdict, conclusions: [...conclusions] }
    const attends = new Map(measured.keys.map((key, i) => [key, graph.settled.measures[i]!.attends]))
    const whole = graph.reading ? withStudy(told, graph.reading, { attends }, artifacts) : told
    return { record: wordsOf(resolved.config, whole), counts }
  })
