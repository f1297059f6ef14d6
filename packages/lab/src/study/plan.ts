/** A study in a run: its stages beside those of the drafts, and its record from what they found. */
import type { InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import { studySchema } from "../record/header.ts"
import type { RunRecord } from "../record/schema.ts"
import { wordsOf } from "../record/smoke.ts"
import type { Artifact } from "../store/store.ts"
import { distillationTables } from "../table/distillation.ts"
import type { StudyRecord } from "./record.ts"
import type {
  AcceptanceStudy,
  MeasuresContext,
  MeasuresStudy,
  StudyContext,
  StudyFinding,
  StudyStage,
  StudyUse,
} from "./study.ts"

/** A study whose stages are known. */
export interface PlannedStudy {
  readonly instance: AcceptanceStudy
  readonly stages: ReadonlyArray<StudyStage>
}

/** A study of measures whose stages are known. */
export interface PlannedReading {
  readonly instance: MeasuresStudy
  readonly stages: ReadonlyArray<StudyStage>
}

/** The stages of a study of measures; undefined where a run has none. @error InvalidInput for options that it cannot plan by */
export const planReading = (
  use: StudyUse | undefined,
  context: MeasuresContext,
): Effect.Effect<PlannedReading | undefined, InvalidInput> =>
  Effect.gen(function* () {
    const instance = use && (yield* use.instance)
    if (instance?.judged !== "measures") return undefined
    return { instance, stages: instance.stages ? yield* instance.stages(context) : [] }
  })

/** The findings of the stages that have an artifact. */
export const findingsOf = (
  stages: ReadonlyArray<StudyStage>,
  artifacts: ReadonlyMap<string, Artifact>,
): ReadonlyArray<StudyFinding> =>
  stages.flatMap(({ stage, ...of }) => {
    const artifact = artifacts.get(stage.key)
    return artifact === undefined ? [] : [{ ...of, summary: artifact.manifest.summary }]
  })

/** The stages of a study; undefined where a run has none. @error InvalidInput for options that it cannot plan by */
export const planStudy = (
  use: StudyUse | undefined,
  context: StudyContext,
): Effect.Effect<PlannedStudy | undefined, InvalidInput> =>
  Effect.gen(function* () {
    if (use === undefined) return undefined
    const instance = yield* use.instance
    // `resolve` refuses a study of measures where a target judges.
    return instance.judged === "measures" ? undefined : { instance, stages: yield* instance.stages(context) }
  })

/** The record of a study: the header of the drafts' record, the study's words and tables, then those of the drafts. */
export const makeStudyRecord = (
  { instance, stages }: PlannedStudy,
  run: RunRecord,
  artifacts: ReadonlyMap<string, Artifact>,
): StudyRecord => {
  const { verdict, conclusions, tables } = instance.report(run, findingsOf(stages, artifacts))
  const { experiment, part, preset, name, question, created, config, seeds, commit, versions, machine } = run
  const header = { experiment, part, preset, name, question, run: run.run, created, config, seeds, commit, versions }
  const { missing, counts, weights, stages: made, conditions } = run
  return {
    schema: studySchema,
    study: instance.name,
    ...header,
    machine,
    ...wordsOf(config, { verdict, conclusions: [...conclusions] }),
    data: { dataset: conditions.dataset, prompts: conditions.prompts },
    tables: [...tables, ...distillationTables(run)],
    missing,
    counts,
    weights,
    stages: made,
    drafts: run,
  }
}
