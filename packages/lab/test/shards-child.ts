/** A process that runs the experiment in three shards in the store of its argument, and prints its progress as JSON. */
import "@winnow/core/arktype-setup"
import { join } from "node:path"
import { openEngine } from "@winnow/tensor"
import { Effect } from "effect"
import { resolve, runExperiment } from "../src/index.ts"
import { runLayers } from "./run-layers.ts"
import { inShards } from "./shards-experiment.ts"

const home = process.argv[2]!
await openEngine()
await Effect.runPromise(
  Effect.flatMap(resolve(inShards(3)), (resolved) =>
    runExperiment(resolved, { slug: "000-shards", results: join(home, "results") }),
  ).pipe(Effect.provide(runLayers(home, { report: (event) => console.log(JSON.stringify(event)) }))),
)
process.exit(0)
