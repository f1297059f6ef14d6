/** The form of the record of a run that measures no acceptance: the header that all have, tables of its measures, and how each draft was trained. */
import { type } from "arktype"
import { type StudyTable, studyTable } from "../study/table.ts"
import type { ArmsRun } from "./comparisons.ts"
import { recordHeader } from "./header.ts"
import { measureDifference, sweepRecord, trainedRow } from "./schema.ts"

/** The name of the table of a run's measures. */
export const measuresTableName = "measures"

export const measuresRecord = type({
  schema: "4",
  /** The kind of the study; "measures" without one. */
  study: "string",
  ...recordHeader,
  /** The examples that were measured on. */
  data: { dataset: "string", prompts: "number" },
  /** Tables of the study, then figures of the measures, differences of arms, costs. */
  tables: studyTable.array().atLeastLength(1),
  arms: {
    /** The arm that others are held against: the first of the experiment. */
    baseline: "string",
    about: "string | null",
    /** Null where no stage reads a target. */
    target: type({ parameters: "number" }).or("null"),
    draftParameters: "number",
    /** Examples that are longer than maxLength. */
    dropped: { train: "number", measured: "number" },
    rows: trainedRow.array(),
    /** Of all pairs of arms in each measure; a measure is named as its column is. */
    differences: measureDifference.array(),
    sweep: sweepRecord.or("null"),
  },
})
export type MeasuresRecord = typeof measuresRecord.infer

/** The table of a run's measures. */
export const measuresOf = ({ tables }: Pick<MeasuresRecord, "tables">): StudyTable =>
  tables.find(({ name }) => name === measuresTableName)!

/** A run without acceptance as its arms are compared: by all of its measures, the first leads. */
export const measuresRun = ({ arms, tables, data, seeds }: MeasuresRecord): ArmsRun => ({
  ...arms,
  seeds,
  prompts: data.prompts,
  scope: arms.target === null ? "this data" : "this target",
  concluded: measuresOf({ tables }).columns.map(({ key, name, unit, direction }) => ({
    ...{ key, name, short: name, unit },
    better: direction ?? "higher",
  })),
})
