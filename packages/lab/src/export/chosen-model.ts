/** The model of a run to export: an arm's draft under one seed, another row's draft, or the target. */
import { didYouMean, InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import type { MeasuresRecord } from "../record/measures-schema.ts"
import type { RowRecord, RunRecord, TrainedRow } from "../record/schema.ts"
import { isTablesRecord, type RunFile } from "../runs/read-run.ts"

/** A run with models: a distillation with acceptance, or one that is judged by measures alone. */
export type ModelRun = RunRecord | MeasuresRecord

/** True of a run that measures no acceptance. */
export const isMeasured = (run: ModelRun): run is MeasuresRecord => "arms" in run

/** One model of a run. */
export interface ChosenModel {
  readonly run: ModelRun
  /** The row of the draft; undefined of the target. */
  readonly row: RowRecord | TrainedRow | undefined
  /** "target", or the row's name. */
  readonly name: string
  /** Null for the target, which all seeds share. */
  readonly seed: number | null
}

/** A run with models. @error InvalidInput for a record of another form */
export const modelRunOf = ({ record, written, directory }: RunFile): Effect.Effect<ModelRun, InvalidInput> => {
  const refuse = (problem: string) => Effect.fail(new InvalidInput({ what: directory, problems: [problem] }))
  if (record === undefined)
    return refuse(
      `has a run.json of schema ${written.schema}, in which this version finds no weights; run the experiment again`,
    )
  if (!isTablesRecord(record) || "arms" in record) return Effect.succeed(record)
  return "drafts" in record ? Effect.succeed(record.drafts) : refuse("has no models of its own to export")
}

/** The drafts of a run, in the record's order. */
export const rowsOf = (run: ModelRun): ReadonlyArray<RowRecord | TrainedRow> =>
  isMeasured(run) ? run.arms.rows : run.rows

/** The seeds of a row. */
export const seedsOf = (row: RowRecord | TrainedRow): ReadonlyArray<number> =>
  ("seeds" in row ? row.seeds : row.budget).map(({ seed }) => seed)

/** The arms, then the rows for comparison, then the target. */
const namesOf = (run: ModelRun): ReadonlyArray<string> => [
  ...rowsOf(run)
    .filter(({ role }) => role === "arm")
    .map(({ name }) => name),
  ...rowsOf(run)
    .filter(({ role }) => role !== "arm")
    .map(({ name }) => name),
  ...(isMeasured(run) && run.arms.target === null ? [] : ["target"]),
]

/**
 * The model that a name and a seed mean.
 *
 * @param name a row's name, or "target"; may be left out where the run has one arm
 * @param seed the row's first seed if left out
 * @error InvalidInput for a model that the run does not have; the message lists its models
 */
export const chosenModel = (
  run: ModelRun,
  name: string | undefined,
  seed: number | undefined,
): Effect.Effect<ChosenModel, InvalidInput> => {
  const refuse = (problem: string) => Effect.fail(new InvalidInput({ what: `run ${run.run}`, problems: [problem] }))
  const arms = rowsOf(run).filter(({ role }) => role === "arm")
  const there = namesOf(run)
  if (name === undefined && arms.length !== 1)
    return refuse(`has ${arms.length} arms, so name the model to take: ${there.join(", ")}`)
  const wanted = name ?? arms[0]!.name
  const row = rowsOf(run).find((row) => row.name === wanted)
  if (row === undefined) {
    if (wanted !== "target" || !there.includes(wanted))
      return refuse(`has no model ${wanted}; it has ${there.join(", ")}${didYouMean(wanted, there)}`)
    if (seed !== undefined) return refuse("has one target for all seeds; leave out the seed")
    return Effect.succeed({ run, row, name: wanted, seed: null })
  }
  const seeds = seedsOf(row)
  const chosen = seed ?? seeds[0]
  if (chosen === undefined || !seeds.includes(chosen))
    return refuse(
      `has no ${wanted} under seed ${chosen ?? "any"}; it has seeds ${seeds.join(", ") || "of others alone"}`,
    )
  return Effect.succeed({ run, row, name: wanted, seed: chosen })
}

/** A model in a sentence: "adaspec, seed 1", "target". */
export const modelTitle = ({ name, seed }: Pick<ChosenModel, "name" | "seed">): string =>
  seed === null ? name : `${name}, seed ${seed}`
