/** Runs the stages of a run: in this process, one by one, unless a layer provides another runner. */
import type { Datasets } from "@winnow/core"
import { Context, type Effect } from "effect"
import type { Progress } from "../progress.ts"
import type { StageError } from "../stage.ts"
import type { Artifact, Store } from "../store/store.ts"
import type { StageCrashed } from "./outcome.ts"
import { type Making, type Ready, runStage } from "./run-stage.ts"

export interface StageRunner<E = StageError | StageCrashed> {
  /** Number of stages that it runs at once, at least 1. */
  readonly slots: number
  readonly run: (ready: Ready, making: Making) => Effect.Effect<Artifact, E, Datasets | Store | Progress>
}

/** This process, one stage at a time. */
export const here: StageRunner<StageError> = { slots: 1, run: runStage }

/** The runner of `runAll`. */
export const Runner = Context.Reference<StageRunner>("@winnow/lab/Runner", { defaultValue: () => here })
