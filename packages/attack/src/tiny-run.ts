/** The lab's tiny experiment, run in this process in a folder. */
import { join } from "node:path"
import { resolve, runExperiment } from "@winnow/lab"
import { runLayers, tiny } from "@winnow/lab/testing"
import { Effect } from "effect"

/** A run of one seed in a home, with results in `results` of that home unless another folder is given. */
export const tinyRun = (home: string, results = join(home, "results")) =>
  Effect.flatMap(resolve(tiny, { seeds: [1] }), (resolved) =>
    runExperiment(resolved, { slug: "000-tiny", results }),
  ).pipe(Effect.provide(runLayers(home, { results })))
