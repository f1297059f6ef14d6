/** The stages of an experiment that another process planned. */
import { type DataError, InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import { resolveConfig } from "../experiment/from-config.ts"
import { registryOf } from "../experiment/registry.ts"
import type { Resolved } from "../experiment/resolved.ts"
import { loadExperiment } from "../experiments.ts"
import { stagesOf } from "../graph.ts"
import { loadPlugins, withPlugins } from "../outside/load-plugins.ts"
import { judgedBefore, sizesFrom } from "../run.ts"
import { Store } from "../store/store.ts"
import { toldTexts } from "../texts.ts"
import type { Opened } from "./messages.ts"

/** The experiment of a run, from the file with its plugins and from its config. */
const resolvedFrom = ({ slug, file, preset, part, plugins: files, config }: Opened) =>
  Effect.gen(function* () {
    const written = (yield* loadExperiment({ slug, file }, preset)).find((p) => p.part === part)
    const { plugins } = yield* loadPlugins(files)
    if (written) {
      const own = withPlugins(written.experiment, plugins)
      return yield* resolveConfig(config, registryOf(own), own.plugins)
    }
    return yield* new InvalidInput({
      what: file,
      problems: [`has no part ${part}: was it changed since the run began?`],
    })
  })

/**
 * An experiment, and its stages by key: those that the store's content determines at the moment when `stages` is run.
 *
 * @error InvalidInput, DataError for a file that does not define the experiment any more
 */
export const openedStages = (
  opened: Opened,
): Effect.Effect<
  { readonly resolved: Resolved; readonly stages: ReturnType<typeof stagesFrom> },
  InvalidInput | DataError
> => Effect.map(resolvedFrom(opened), (resolved) => ({ resolved, stages: stagesFrom(resolved, opened) }))

const stagesFrom = (resolved: Resolved, { texts }: Opened) =>
  Effect.flatMap(Store, (store) =>
    stagesOf(
      resolved,
      toldTexts(resolved, texts),
      (data) => sizesFrom(store.find(data.kind, data.key)),
      judgedBefore(store),
    ),
  )
