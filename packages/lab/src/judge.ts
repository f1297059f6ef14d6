/** Trainings and scores that the validation split judges, for searches and choices. */
import type { Effect } from "effect"
import type { Settings } from "./experiment/points.ts"
import type { Stage } from "./stage.ts"

/** A training that is judged on the validation split. */
export interface Trial {
  readonly name: string
  readonly set: Settings
  /** Of a search with several rungs, from 0 on. */
  readonly rung?: number
  readonly trained: Stage
  readonly judged: Stage
  /** The name of the score that judges, where `judged` has several. */
  readonly of?: string
}

/** The source of what is known of trials: it runs them, or looks them up. */
export interface Judge<E = never, R = never> {
  /** The score of each trial, null where its training stopped itself; undefined for a trial that has not run (plans). */
  readonly scores: (trials: ReadonlyArray<Trial>) => Effect.Effect<ReadonlyArray<number | null | undefined>, E, R>
  /** Seconds of a stage, of all its attempts; undefined where it has no artifact. */
  readonly secondsOf: (stage: Stage) => number | undefined
}
