/** The model of a run to export: an arm's draft under one seed, another row's draft, or the target. */
import { didYouMean, InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import type { RowRecord, RunRecord } from "../record/schema.ts"
import { isTablesRecord, type RunFile } from "../runs/read-run.ts"

/** One model of a run. */
export interface ChosenModel {
  readonly run: RunRecord
  /** The row of the draft; undefined of the target. */
  readonly row: RowRecord | undefined
  /** "target", or the row's name. */
  readonly name: string
  /** Null for the target, which all seeds share. */
  readonly seed: number | null
}

/** The drafts of a run as a distillation. @error InvalidInput for a record of another form */
export const distillationOf = ({ record, written, directory }: RunFile): Effect.Effect<RunRecord, InvalidInput> => {
  if (record !== undefined && !isTablesRecord(record)) return Effect.succeed(record)
  if (record !== undefined && "drafts" in record) return Effect.succeed(record.drafts)
  if (record !== undefined) {
    const problem =
      'is judged by measures alone, and export takes models that decode; list "acceptance" in measures, or open the folders artifacts/arm/KEY of WINNOW_HOME, by the keys of its stages'
    return Effect.fail(new InvalidInput({ what: directory, problems: [problem] }))
  }
  const problem = `has a run.json of schema ${written.schema}, in which this version finds no weights; run the experiment again`
  return Effect.fail(new InvalidInput({ what: directory, problems: [problem] }))
}

/** The arms, then the rows for comparison, then the target. */
const namesOf = ({ rows }: RunRecord): ReadonlyArray<string> => [
  ...rows.filter(({ role }) => role === "arm").map(({ name }) => name),
  ...rows.filter(({ role }) => role !== "arm").map(({ name }) => name),
  "target",
]

/**
 * The model that a name and a seed mean.
 *
 * @param name a row's name, or "target"; may be left out where the run has one arm
 * @param seed the row's first seed if left out
 * @error InvalidInput for a model that the run does not have; the message lists its models
 */
export const chosenModel = (
  run: RunRecord,
  name: string | undefined,
  seed: number | undefined,
): Effect.Effect<ChosenModel, InvalidInput> => {
  const refuse = (problem: string) => Effect.fail(new InvalidInput({ what: `run ${run.run}`, problems: [problem] }))
  const arms = run.rows.filter(({ role }) => role === "arm")
  const there = namesOf(run)
  if (name === undefined && arms.length !== 1)
    return refuse(`has ${arms.length} arms, so name the model to take: ${there.join(", ")}`)
  const wanted = name ?? arms[0]!.name
  const row = run.rows.find((row) => row.name === wanted)
  if (row === undefined) {
    if (wanted !== "target")
      return refuse(`has no model ${wanted}; it has ${there.join(", ")}${didYouMean(wanted, there)}`)
    if (seed !== undefined) return refuse("has one target for all seeds; leave out the seed")
    return Effect.succeed({ run, row, name: wanted, seed: null })
  }
  const seeds = row.seeds.map((of) => of.seed)
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
