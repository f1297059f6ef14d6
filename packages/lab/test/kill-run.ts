/** A run of the experiment of the kill tests. */
import { join } from "node:path"
import { Effect } from "effect"
import { type ProgressEvent, resolve, runExperiment, workers } from "../src/index.ts"
import experiment from "./kill-experiment.ts"
import { runLayers } from "./run-layers.ts"

/** The settings of a run of the kill tests. */
export interface KillRun {
  readonly home: string
  /** As 1,2. */
  readonly seeds: string
  readonly jobs: number
}

/** Runs to the end in this process, stages in workers where `jobs` is more than 1; the folder of its results. */
export const killRun = ({ home, seeds, jobs }: KillRun, report: (event: ProgressEvent) => void) => {
  const results = join(home, "results")
  return Effect.flatMap(resolve(experiment, { seeds: seeds.split(",").map(Number) }), (resolved) =>
    runExperiment(resolved, {
      slug: "000-killed",
      results,
      source: { file: join(import.meta.dir, "kill-experiment.ts") },
    }),
  ).pipe(
    Effect.map(({ directory }) => directory),
    Effect.provide([runLayers(home, { report }), workers(jobs)]),
  )
}
