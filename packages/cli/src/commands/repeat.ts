/** `winnow experiment --repeat RUN`: computes a run again from its run.json, and compares. */
import { dirname } from "node:path"
import { InvalidInput } from "@winnow/core"
import {
  type Found,
  findExperiments,
  type Loaded,
  RunStore,
  readRun,
  renderRepeat,
  repeatRun,
  winnowHome,
} from "@winnow/lab"
import { Console, Effect, type Layer } from "effect"
import { engine } from "../engine.ts"
import { NotReproduced } from "../exit.ts"
import { viewed } from "../run-view.ts"

/** Flags that describe a run, which the record already does. */
export interface OtherSettings {
  readonly [flag: string]: boolean
}

/**
 * Repeats a run and prints what came of it.
 *
 * @param name the run's folder, its run.json, or the beginning of its id
 * @param given which flags were set that a repeat cannot take
 * @error NotReproduced where a figure differs: exit code 5
 */
export const repeat = Effect.fn("experiment.repeat")(function* (
  name: string,
  {
    results,
    launcher,
    verbose,
    watch,
    tensorboard,
    json,
    given: options,
    found: experiment,
    loaded,
  }: {
    readonly results: string
    readonly launcher: Layer.Layer<never>
    readonly verbose: boolean
    readonly watch: boolean
    readonly tensorboard: string | undefined
    readonly json: boolean
    readonly given: OtherSettings
    /** The experiment's file, if the record's name does not lead to it. */
    readonly found: Found | undefined
    readonly loaded: Loaded
  },
) {
  const flags = Object.keys(options).filter((flag) => options[flag])
  if (flags.length > 0) {
    const problems = [`leave out ${flags.join(", ")}: a repeat is made from the record of the run alone`]
    return yield* new InvalidInput({ what: `--repeat ${name}`, problems })
  }
  const { directory } = yield* Effect.flatMap(RunStore, ({ find }) => find(name)).pipe(
    Effect.provide(RunStore.layer(winnowHome(), [results])),
  )
  yield* engine
  const { written } = yield* readRun(directory)
  // The repeat itself refuses an experiment that no longer exists.
  const at = experiment ?? findExperiments().find(({ slug }) => slug === written.experiment)
  const beside = at && dirname(at.file)
  const repeated = yield* repeatRun(directory, { found: experiment, loaded }).pipe(
    Effect.provide(launcher),
    (running) => viewed(running, { verbose, watch, tensorboard, beside }),
  )
  yield* Console.log(json ? JSON.stringify(repeated, null, 2) : renderRepeat(repeated))
  process.stderr.write(`\nthe repeat's own record and report: ${repeated.directory}\n`)
  if (repeated.reproduced) return
  const out = repeated.deviations.filter(({ within }) => !within).length
  const message = `run ${repeated.recorded.run} was not reproduced: ${out} of ${repeated.compared} figures differ`
  return yield* new NotReproduced({ message })
})
