/** The run.json of a study: the header that all have, and its figures as named tables. */
import { type } from "arktype"
import { isNode } from "../experiment/registry.ts"
import { inCurrentForm } from "../record/earlier.ts"
import { recordHeader } from "../record/header.ts"
import { runRecord } from "../record/schema.ts"
import { studyTable } from "./table.ts"

/** The form that is written now. Numbers up to 3 are forms of a distillation's own record. */
export const studySchema = 4 as const

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

/** A study's run.json as a record, its drafts in the form of this version; the errors of one that is none. */
export const parseStudy = (json: unknown) =>
  studyRecord(isNode(json) ? { ...json, drafts: inCurrentForm(json["drafts"]) } : json)
