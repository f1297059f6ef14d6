/** A run made again from its run.json alone, and compared with it. */
import { existsSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DataError, type Datasets, InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import { resolveConfig } from "../experiment/from-config.ts"
import { type AnyPlugin, type Registry, registryOf } from "../experiment/registry.ts"
import { type ExperimentFile, experimentNamed, loadExperiment } from "../experiments.ts"
import { type Loaded, withPlugins } from "../outside/load-plugins.ts"
import type { Progress } from "../progress.ts"
import type { RunRecord } from "../record/schema.ts"
import { documentOf } from "../results.ts"
import { runExperiment } from "../run.ts"
import { readRun, type WrittenRun, writtenDistillation } from "../runs/read-run.ts"
import { readMetrics, type StageError } from "../stage.ts"
import { withLock } from "../store/lock.ts"
import { Store, winnowHome } from "../store/store.ts"
import { compareRecords, type FinalLosses, type Repeated } from "./compare-records.ts"

export interface RepeatOptions {
  /** Where `repeats/<run>` is made: a store and results of its own. WINNOW_HOME by default. */
  readonly home?: string
  /** The plugins that the config may name; those of the experiment's own file by default. */
  readonly registry?: Registry
  /** The file of the experiment, where it lies outside of the checkout. */
  readonly found?: ExperimentFile | undefined
  /** Further files whose plugins the config may name, loaded. */
  readonly loaded?: Loaded
}

/** A run that was repeated. */
export interface Repeat extends Repeated {
  readonly recorded: WrittenRun
  readonly repeated: WrittenRun
  /** The repeat's own folder of results. */
  readonly directory: string
}

/**
 * The plugins of an experiment's file, of the part and the preset that were run; and the file.
 *
 * @param at the file, where the record's name does not lead to it
 * @error InvalidInput where there is no such file, or no such part in it any more
 */
export const pluginsOfRun = (
  { experiment, part, preset }: Pick<RunRecord, "experiment" | "part" | "preset">,
  at?: ExperimentFile | undefined,
  { plugins }: Loaded = { files: [], plugins: [] },
): Effect.Effect<
  { readonly registry: Registry; readonly plugins?: ReadonlyArray<AnyPlugin> | undefined; readonly file: string },
  InvalidInput
> =>
  Effect.gen(function* () {
    const found = at ?? (yield* experimentNamed(experiment))
    const parts = yield* loadExperiment(found, preset)
    const own = parts.find((p) => p.part === part)
    if (own !== undefined) {
      const experiment = withPlugins(own.experiment, plugins)
      return { registry: registryOf(experiment), plugins: experiment.plugins, file: found.file }
    }
    const problems = [`has no part ${part} any more; it has ${parts.map((p) => p.part).join(", ")}`]
    return yield* new InvalidInput({ what: `experiments/${experiment}/experiment.ts`, problems })
  })

/** The last loss of each training stage of a run; null where its metrics.jsonl is not there. */
export const finalLosses = (directory: string): FinalLosses | null => {
  if (!existsSync(join(directory, "metrics.jsonl"))) return null
  const last = new Map<string, number>()
  for (const { _tag, stage, loss } of readMetrics(directory))
    if (_tag === "step" && typeof stage === "string" && typeof loss === "number") last.set(stage, loss)
  return [...last].map(([label, loss]) => ({ label, loss }))
}

/** Written once the repeat has been compared: what lies there then is no help to the next one. */
const comparedFile = "compared"

/** The folder of a repeat: as an interrupted one left it, and empty after one that came to its end. */
const folderFor = (home: string, run: string): Effect.Effect<string, DataError> =>
  Effect.try({
    try: () => {
      const folder = join(home, "repeats", run)
      if (existsSync(join(folder, comparedFile))) rmSync(folder, { recursive: true, force: true })
      return folder
    },
    catch: (error) =>
      new DataError({ message: `${join(home, "repeats", run)} cannot be emptied: ${String(error)}`, cause: error }),
  })

/**
 * Makes a run again and compares. Everything is computed again, in a separate store; an interrupted repeat goes on where
 * it was. The run's own results are only read.
 *
 * @param path the run's folder, or its run.json
 * @error InvalidInput for a record that another version wrote, or whose plugins are not here
 */
export const repeatRun = (
  path: string,
  { home = winnowHome(), registry, found, loaded = { files: [], plugins: [] } }: RepeatOptions = {},
): Effect.Effect<Repeat, StageError, Datasets | Progress> =>
  Effect.gen(function* () {
    const { record, written, directory } = yield* readRun(path)
    if (record === undefined) {
      const at = written.commit === null ? "the version that wrote it" : `commit ${written.commit.hash.slice(0, 7)}`
      const problems = [
        `has not the form of a record of this version (its schema is ${written.schema}); repeat it at ${at}`,
      ]
      return yield* new InvalidInput({ what: `${directory}/run.json`, problems })
    }
    // A folder of this name is emptied.
    if (!/^[\w-]+$/.test(record.run)) {
      const problems = [`calls its run ${JSON.stringify(record.run)}; expected letters and digits, as runs are named`]
      return yield* new InvalidInput({ what: `${directory}/run.json`, problems })
    }
    const named = registry === undefined ? yield* pluginsOfRun(record, found, loaded) : undefined
    const resolved = yield* resolveConfig(record.config, registry ?? named!.registry, named?.plugins)
    const source = named && { file: named.file, plugins: loaded.files }
    const { run, experiment: slug, part, preset } = record
    const again = Effect.gen(function* () {
      const folder = yield* folderFor(home, run)
      const results = join(folder, "results")
      const finished = yield* Effect.provide(
        runExperiment(resolved, { slug, part, preset, results, source }),
        Store.layer(folder),
      )
      const again = finished.study ?? writtenDistillation(finished.record!) // a run has one of both
      // an earlier version wrote the same settings in another form: both sides have them in today's
      const settings = { config: resolved.config }
      const comparison = compareRecords(
        {
          written: { ...written, ...settings },
          document: { ...record, ...settings },
          finalLosses: finalLosses(directory),
        },
        { written: again, document: documentOf(finished), finalLosses: finalLosses(finished.directory) },
      )
      yield* Effect.sync(() => writeFileSync(join(folder, comparedFile), `${comparison.reproduced}\n`))
      return { ...comparison, recorded: written, repeated: again, directory: finished.directory }
    })
    return yield* withLock(join(home, "locks", `repeat-${run}.lock`), () => {}, again)
  })
