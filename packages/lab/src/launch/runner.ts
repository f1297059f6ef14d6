/** Runs the stages of one run; a launcher makes it. */
import type { Datasets } from "@winnow/core"
import { Context, type Effect } from "effect"
import type { Progress } from "../progress.ts"
import type { StageCrashed } from "../schedule/outcome.ts"
import { type Making, type Ready, runStage } from "../schedule/run-stage.ts"
import type { Stage, StageError } from "../stage.ts"
import type { Artifact, Store } from "../store/store.ts"

export interface StageRunner<E = StageError | StageCrashed> {
  /** Number of stages that it runs at once, at least 1. */
  readonly slots: number
  /** True if each stage has a machine of its own: a stage that reads the clock then need not wait for the others. */
  readonly apart?: boolean
  /**
   * Told the stages of a run before the first of them is run, each after its inputs. The store may have some of them, and
   * a run may tell more of them later. An error ends the run.
   */
  readonly expect?: (
    stages: ReadonlyArray<Stage>,
    making: Making,
  ) => Effect.Effect<void, StageError, Datasets | Store | Progress>
  readonly run: (ready: Ready, making: Making) => Effect.Effect<Artifact, E, Datasets | Store | Progress>
}

/** This process, one stage at a time. */
export const here: StageRunner<StageError> = { slots: 1, run: runStage }

/** The runner of `runAll`. */
export const Runner = Context.Reference<StageRunner>("@winnow/lab/Runner", { defaultValue: () => here })
