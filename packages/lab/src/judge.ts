/** Trainings and scores that the validation split judges, for searches and choices. */
import type { Effect } from "effect"
import type { Settings } from "./experiment/sweep.ts"
import type { Stage } from "./stage.ts"

/** A training that is judged on the validation split. */
export interface Trial {
  readonly name: string
  readonly set: Settings
  readonly trained: Stage
  readonly judged: Stage
  /** The name of the score that judges, where `judged` has several. */
  readonly of?: string
}

/** The score of each trial, null where its training stopped itself; undefined for a trial that has not run (plans). */
export type Judge<E = never, R = never> = (
  trials: ReadonlyArray<Trial>,
) => Effect.Effect<ReadonlyArray<number | null | undefined>, E, R>
