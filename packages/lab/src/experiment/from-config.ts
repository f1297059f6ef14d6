/**
 * Rebuilds an experiment from the config in its run's record: all defaults filled in, each plugin by name and options.
 */
import { type DataError, InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import { limitOf } from "../record/smoke.ts"
import type { Experiment } from "./define.ts"
import { configInCurrentForm } from "./earlier-config.ts"
import { type AnyPlugin, isNode, type Registry, revive } from "./registry.ts"
import { resolve } from "./resolve.ts"
import type { Resolved } from "./resolved.ts"

/**
 * Rebuilds an experiment; `resolve` then returns the same config and the same stages.
 *
 * Each arm names its own reference, so the experiment needs none.
 *
 * @param config a result of `resolve`, as run.json stores it
 * @param registry the plugins that it may name
 * @error InvalidInput for a value that is not a config, or that names an unknown plugin
 */
export const fromConfig = (config: unknown, registry: Registry): Effect.Effect<Experiment, InvalidInput> => {
  const fail = (problem: string) => new InvalidInput({ what: "the config of the run", problems: [problem] })
  if (!isNode(config) || !isNode(config["arms"]))
    return Effect.fail(fail("has no arms; expected what a run.json holds under config"))
  // The cuts of a smoke run are in the other settings.
  const { limit: _, ...settings } = config
  return Effect.try({
    try: () =>
      Object.fromEntries(
        Object.entries(configInCurrentForm(settings)).map(([key, value]) => [key, revive(registry, key, value, fail)]),
      ) as unknown as Experiment,
    catch: (error) => {
      if (error instanceof InvalidInput) return error
      throw error
    },
  })
}

/**
 * The experiment of a config, resolved like the run that wrote the config: for workers and repeats.
 *
 * @param plugins from the experiment's file and the command line. A config does not name unused plugins, but the folder of a
 *   model may need a family among them.
 * @error InvalidInput, DataError as `fromConfig` and `resolve`
 */
export const resolveConfig = (
  config: unknown,
  registry: Registry,
  plugins?: ReadonlyArray<AnyPlugin>,
): Effect.Effect<Resolved, InvalidInput | DataError> =>
  Effect.flatMap(fromConfig(config, registry), (experiment) => {
    const limit = isNode(config) ? limitOf(config) : null
    // A run of some arms stores only these, and its search may have paths of the other arms.
    const options = { arms: Object.keys(experiment.arms), ...(limit !== null && { limit }) }
    return resolve({ ...experiment, ...(plugins && { plugins }) }, options)
  })
