/** Reads a run.json as a record. */
import { type } from "arktype"
import { inCurrentForm } from "./earlier.ts"
import { type RunRecord, runRecord } from "./schema.ts"

/** The record of a run.json; undefined for a form that this version does not read (all but schema 3). */
export const parseRecord = (json: unknown): RunRecord | undefined => {
  const record = runRecord(inCurrentForm(json))
  return record instanceof type.errors ? undefined : record
}
