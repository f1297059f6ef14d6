/** Runs an experiment that measures acceptance: its record is there, and a study's holds it. */
import { Effect } from "effect"
import { runExperiment } from "../src/run.ts"

export const runDistillation = (...of: Parameters<typeof runExperiment>) =>
  Effect.map(runExperiment(...of), ({ record, study, ...finished }) => {
    if (record === undefined || (study !== undefined && !("drafts" in study)))
      throw new Error("the run has no record of a distillation: it measures no acceptance")
    return { ...finished, record, study }
  })
