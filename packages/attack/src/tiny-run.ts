/** The lab's tiny experiment, run in this process in a folder. */
import { join } from "node:path"
import { datasetsLayer } from "@winnow/data"
import { makeRunStore, Progress, RunStore, resolve, runExperiment, Store } from "@winnow/lab"
import { tiny } from "@winnow/lab/testing"
import { Effect, Layer } from "effect"

/** A run of one seed in a home, with results in `results` of that home unless another folder is given. */
export const tinyRun = (home: string, results = join(home, "results")) =>
  Effect.flatMap(resolve(tiny, { seeds: [1] }), (resolved) =>
    runExperiment(resolved, { slug: "000-tiny", results }),
  ).pipe(
    Effect.provide(
      Layer.mergeAll(
        Store.layer(home),
        Layer.succeed(
          RunStore,
          makeRunStore(home, [results], () => {}),
        ),
        datasetsLayer({ folder: undefined }),
        Progress.silent,
      ),
    ),
  )
