/**
 * A process that runs the experiment of the kill tests, or an overlapping one. Arguments: a home, seeds as 1,2, jobs. Prints
 * its progress, a JSON object a line, and "all" once every stage is there and only results are left to write.
 */
import { join } from "node:path"
import { datasetsLayer } from "@winnow/data"
import { openEngine } from "@winnow/tensor"
import { Effect, Layer } from "effect"
import { Progress, type ProgressEvent, RunStore, resolve, runExperiment, Store } from "../src/index.ts"
import experiment from "./kill-experiment.ts"

const [home, seeds, jobs] = process.argv.slice(2) as [string, string, string]
const done = new Set<number>()
const report = (event: ProgressEvent) => {
  console.log(JSON.stringify(event))
  if (event._tag !== "done") return
  done.add(event.index)
  if (done.size === event.of) console.log(JSON.stringify({ _tag: "all" }))
}
const results = join(home, "results")
await openEngine()
const { directory } = await Effect.runPromise(
  Effect.flatMap(resolve(experiment, { seeds: seeds.split(",").map(Number) }), (resolved) =>
    runExperiment(resolved, {
      slug: "000-killed",
      results,
      parallel: { jobs: Number(jobs), file: join(import.meta.dir, "kill-experiment.ts") },
    }),
  ).pipe(
    Effect.provide(
      Layer.mergeAll(
        Store.layer(home),
        RunStore.layer(home, [results]),
        datasetsLayer({ folder: undefined }),
        Layer.succeed(Progress, { report }),
      ),
    ),
  ),
)
console.log(JSON.stringify({ _tag: "directory", directory }))
process.exit(0)
