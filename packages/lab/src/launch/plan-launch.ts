/** The plan of a launch in its folder, for launchers whose stages run on other machines. */
import { join } from "node:path"
import { InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import type { Making } from "../schedule/run-stage.ts"
import { inOrder, type Stage } from "../stage.ts"
import { arithmetic } from "../store/code/arithmetic.ts"
import { Store } from "../store/store.ts"
import { launchesFolder, launchId, removeLaunch, writeLaunch } from "./launch-folder.ts"
import type { Launch } from "./launcher.ts"

/** A launch whose plan is written as its stages become known. */
export interface PlannedLaunch {
  /** The same for the same experiment in the same store. */
  readonly id: string
  readonly folder: string
  /** Adds stages to the plan, for `winnow stage`. @error InvalidInput for stages that are computed again, stored or not */
  readonly plan: (stages: ReadonlyArray<Stage>, making: Making) => Effect.Effect<void, InvalidInput>
  /** Removes the folder if the store has all stages of the plan. */
  readonly removeIfDone: Effect.Effect<void>
}

/** The launch of an experiment. The engine must be open. */
export const planLaunch = (launch: Launch): Effect.Effect<PlannedLaunch, never, Store> =>
  Effect.map(Store, (store) => {
    const { home } = store
    const id = launchId(home, launch)
    const folder = join(launchesFolder(home), id)
    const planned = new Map<string, Stage>()
    const plan: PlannedLaunch["plan"] = (stages, { fresh, versions }) =>
      Effect.gen(function* () {
        if (fresh) {
          const problems = ["a job that goes on after its time would begin again; set another WINNOW_HOME instead"]
          return yield* new InvalidInput({ what: "--fresh with stages on other machines", problems })
        }
        for (const stage of inOrder(stages)) planned.set(stage.key, stage)
        const all = [...planned.values()]
        writeLaunch(folder, {
          schema: 1,
          home,
          experiment: launch.experiment,
          versions,
          arithmetic: arithmetic(),
          stages: all.map(({ key, kind, label, unit }, i) => ({ key, kind, label, unit, index: i + 1 })),
        })
      })
    const removeIfDone = Effect.gen(function* () {
      const stored = yield* Effect.forEach([...planned.values()], ({ kind, key }) => store.seek(kind, key))
      if (planned.size > 0 && stored.every((of) => of !== undefined)) removeLaunch(folder)
    })
    return { id, folder, plan, removeIfDone }
  })
