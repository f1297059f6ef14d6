/** The plan of a draft: measured once and kept beside it, so that a stopped draft goes on with the same stages. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { DataError, InvalidInput } from "@winnow/core"
import { parseJson, readRegularText, writeWhole } from "@winnow/files"
import { type } from "arktype"
import { Effect } from "effect"
import { io } from "../export/whole-folder.ts"

const positive = "number > 0"

const sizeCosts = type({
  name: "string",
  parameters: positive,
  cost: positive,
  breakEven: positive,
  speedups: "number[]",
})

const draftPlan = type({
  /** The settings that it was measured for. */
  request: "Record<string, unknown>",
  target: {
    parameters: positive,
    seconds: positive,
    checking: { "[string]": positive },
    writing: positive,
  },
  sizes: sizeCosts.array(),
  /** The name of the size. */
  chosen: "string",
  /** Prompts that the target answers for the training, and those that the figures are of. */
  prompts: "number.integer >= 1",
  heldOut: "number.integer >= 1",
  learningRate: positive,
  /** Where the steps have the target from: a cache of its hidden states, or the target itself, as in plans of earlier versions. */
  "signals?": "'hidden' | 'live'",
  /** Steps of the training, once a trial has told the seconds of one; null before. */
  steps: type({ count: "number.integer >= 1", secondsEach: positive }).or("null"),
})

/** The plan. */
export type DraftPlan = typeof draftPlan.infer

const fileIn = (to: string) => join(to, "plan.json")

/** Keeps a plan. @error DataError where the disk refuses */
export const keepPlan = (to: string, plan: DraftPlan): Effect.Effect<DraftPlan, DataError> =>
  io(() => {
    writeWhole(fileIn(to), `${JSON.stringify(plan, null, 2)}\n`)
    return plan
  })

/**
 * The plan that a folder has.
 *
 * @returns undefined for a folder without one
 * @error InvalidInput for a plan of other settings; DataError for one that cannot be read
 */
export const keptPlan = (
  to: string,
  request: DraftPlan["request"],
): Effect.Effect<DraftPlan | undefined, DataError | InvalidInput> =>
  Effect.gen(function* () {
    const file = fileIn(to)
    if (!existsSync(file)) return undefined
    const json = yield* Effect.try({
      try: () => parseJson(readRegularText(file, { most: 2 ** 24, what: "a plan" })),
      catch: (error) => new DataError({ message: `${file} cannot be read: ${(error as Error).message}`, cause: error }),
    })
    const plan = draftPlan(json)
    if (plan instanceof type.errors)
      return yield* new DataError({
        message: `${file} is no plan (${plan[0]!.message}); give another --to, or remove it`,
      })
    const differs = Object.keys({ ...plan.request, ...request }).find(
      (key) => JSON.stringify(plan.request[key]) !== JSON.stringify(request[key]),
    )
    if (differs === undefined) return plan
    const problem = `has a draft of another ${differs} (${JSON.stringify(plan.request[differs])}, not ${JSON.stringify(request[differs])}); give another folder, or remove it`
    return yield* new InvalidInput({ what: `--to ${to}`, problems: [problem] })
  })
