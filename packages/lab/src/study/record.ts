/** The run.json of a study: the header that all have, and its figures as named tables. */
import { type } from "arktype"
import { isNode } from "../experiment/registry.ts"
import { inCurrentForm } from "../record/earlier.ts"
import { recordHeader } from "../record/header.ts"
import { type MeasuresRecord, measuresRecord } from "../record/measures-schema.ts"
import { runRecord } from "../record/schema.ts"
import { studyTable } from "./table.ts"

export const studyRecord = type({
  schema: "4",
  /** The kind of the study: "ranking". */
  study: "string",
  ...recordHeader,
  /** The examples that were measured on. */
  data: { dataset: "string", prompts: "number" },
  /** The first leads lists and comparisons; those of the drafts come last. */
  tables: studyTable.array().atLeastLength(1),
  /** The drafts as a distillation: what `counts` are of. */
  drafts: runRecord,
}).narrow(({ tables }, ctx) => {
  const names = tables.map(({ name }) => name)
  return new Set(names).size === names.length || ctx.reject({ path: ["tables"], expected: "tables of different names" })
})
export type StudyRecord = typeof studyRecord.infer

/** A record that says all its figures in tables: a study's, or that of a run without acceptance. */
export type TablesRecord = StudyRecord | MeasuresRecord

/** A run.json that says its figures in tables, the drafts of a study in the form of this version; the errors of one that does not. */
export const parseTables = (json: unknown) => {
  if (isNode(json) && "arms" in json) return measuresRecord(json)
  return studyRecord(isNode(json) ? { ...json, drafts: inCurrentForm(json["drafts"]) } : json)
}
