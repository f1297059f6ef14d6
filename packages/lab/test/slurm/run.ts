/** Runs of the experiment of the kill tests, or of another one, on a cluster of the test, and the same by one process. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, type Layer } from "effect"
import {
  applySettings,
  type Experiment,
  type Finished,
  type ProgressEvent,
  resolve,
  runExperiment,
} from "../../src/index.ts"
import type { StageError } from "../../src/stage.ts"
import { runLayers } from "../run-layers.ts"
import { recordContents, storeContents } from "../store-contents.ts"

/** An experiment's file, and what of it runs. */
export interface RunOf {
  readonly file: string
  readonly slug: string
  readonly arms?: ReadonlyArray<string>
  readonly seeds?: ReadonlyArray<number>
}

const killed: RunOf = {
  file: join(import.meta.dir, "../kill-experiment.ts"),
  slug: "000-killed",
  arms: ["all"],
  seeds: [1],
}

export interface SlurmRun {
  /** One arm of the experiment of the kill tests if left out. */
  readonly of?: RunOf
  readonly home: string
  readonly launcher: Layer.Layer<never>
  /** Settings of the experiment, as `--set` takes them. */
  readonly set?: ReadonlyArray<string>
  /** Content of the store's slurm.json. */
  readonly slurm?: object
  readonly report?: (event: ProgressEvent) => void
}

/** A run. */
export const slurmRun = ({
  of: { file, slug, ...chosen } = killed,
  home,
  launcher,
  set = [],
  slurm = {},
  report = () => {},
}: SlurmRun): Effect.Effect<Finished, StageError> => {
  mkdirSync(home, { recursive: true })
  writeFileSync(join(home, "slurm.json"), JSON.stringify({ poll: 0.3, warn: 5, ...slurm }))
  return Effect.gen(function* () {
    const { default: experiment } = yield* Effect.promise(() => import(file))
    const changed = yield* applySettings(experiment as Experiment, set)
    const resolved = yield* resolve(changed, chosen)
    return yield* runExperiment(resolved, { slug, results: join(home, "results"), source: { file } })
  }).pipe(Effect.provide(runLayers(home, { report })), Effect.provide(launcher))
}

/** All that a run left which does not depend on time. */
export const contentsOf = (home: string, { directory }: Finished) => ({
  store: storeContents(home),
  record: recordContents(directory),
})

/** The processes on this machine that run a stage of a key, on any node. */
export const processesOf = (key: string): ReadonlyArray<number> =>
  readdirSync("/proc").flatMap((name) => {
    try {
      const words = /^\d+$/.test(name) ? readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0") : []
      return words.includes("stage") && words.includes(key) ? [Number(name)] : []
    } catch {
      return [] // The process has just ended.
    }
  })
