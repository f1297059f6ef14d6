/** A run.json as a record, whichever of the forms that this version reads it was written in. */
import { type } from "arktype"
import { inCurrentForm } from "./earlier.ts"
import { type RunRecord, runRecord } from "./schema.ts"

/** The record of a run.json; undefined where its form is none that this version reads (schemas 2 and 3). */
export const parseRecord = (json: unknown): RunRecord | undefined => {
  const found = runRecord(inCurrentForm(json))
  return found instanceof type.errors ? undefined : found
}
