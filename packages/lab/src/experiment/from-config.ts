/** An experiment again, from the config that its run wrote down: every default filled in, each plugin by name and options. */
import { InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import type { Experiment } from "./define.ts"
import { configInCurrentForm } from "./earlier-config.ts"
import { type AnyPlugin, isNode, type Registry, revive } from "./registry.ts"
import { resolve } from "./resolve.ts"
import type { Resolved } from "./resolved.ts"

/**
 * Rebuilds an experiment; `resolve` gives it the config that it was made from, and the same stages.
 *
 * Each arm brings the reference that it was given, so the experiment needs none of its own.
 *
 * @param config as `resolve` makes it and run.json holds it
 * @param registry the plugins that it may name
 * @error InvalidInput for what is no config, or names a plugin that there is not
 */
export const fromConfig = (config: unknown, registry: Registry): Effect.Effect<Experiment, InvalidInput> => {
  const fail = (problem: string) => new InvalidInput({ what: "the config of the run", problems: [problem] })
  if (!isNode(config) || !isNode(config["arms"]))
    return Effect.fail(fail("has no arms; expected what a run.json holds under config"))
  return Effect.try({
    try: () =>
      Object.fromEntries(
        Object.entries(configInCurrentForm(config)).map(([key, value]) => [key, revive(registry, key, value, fail)]),
      ) as unknown as Experiment,
    catch: (error) => {
      if (error instanceof InvalidInput) return error
      throw error
    },
  })
}

/**
 * The experiment of a config, resolved as the run that wrote it: for workers and repeats.
 *
 * @param plugins of the experiment's file and of the command line, which a config names none of that nothing uses: a folder of a
 *   model may be of a family among them
 * @error InvalidInput as `fromConfig` and `resolve`
 */
export const resolveConfig = (
  config: unknown,
  registry: Registry,
  plugins?: ReadonlyArray<AnyPlugin>,
): Effect.Effect<Resolved, InvalidInput> =>
  Effect.flatMap(fromConfig(config, registry), (experiment) =>
    // A run of some arms holds these alone, and its search may have paths of the others.
    resolve({ ...experiment, ...(plugins && { plugins }) }, { arms: Object.keys(experiment.arms) }),
  )
