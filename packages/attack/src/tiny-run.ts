/** Runs the lab's tiny experiment in this process. */
import { join } from "node:path"
import { resolve } from "@winnow/lab"
import { runDistillation, runLayers, tiny } from "@winnow/lab/testing"
import { Effect } from "effect"

/** A run of one seed in a home; its results go to `results` in that home unless another folder is named. */
export const tinyRun = (home: string, results = join(home, "results")) =>
  Effect.flatMap(resolve(tiny, { seeds: [1] }), (resolved) =>
    runDistillation(resolved, { slug: "000-tiny", results }),
  ).pipe(Effect.provide(runLayers(home, { results })))
