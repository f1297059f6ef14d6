/**
 * Runs the golden experiments and prints their sums; WINNOW_NATIVE chooses the native code, or none. Argument: an empty
 * folder.
 */
import { datasetsLayer } from "@winnow/data"
import { openEngine } from "@winnow/tensor"
import { Effect, Layer } from "effect"
import { resolve } from "../../src/experiment/resolve.ts"
import { Families } from "../../src/families.ts"
import { buildGraph } from "../../src/graph.ts"
import { Progress } from "../../src/progress.ts"
import { runStages } from "../../src/schedule/run-all.ts"
import { inOrder } from "../../src/stage.ts"
import { Store } from "../../src/store/store.ts"
import { readTexts } from "../../src/texts.ts"
import { goldenExperiments } from "./experiments.ts"
import { machineName } from "./machine.ts"
import { type Sum, sumOf } from "./sums.ts"

await openEngine()
const [folder] = process.argv.slice(2)
const sums: Record<string, Sum & { readonly kind: string }> = {}
for (const [name, experiment] of Object.entries(goldenExperiments)) {
  const program = Effect.gen(function* () {
    const resolved = yield* resolve(experiment)
    const graph = yield* buildGraph(resolved, yield* readTexts(resolved))
    const artifacts = yield* runStages(graph.leaves).pipe(Effect.provideService(Families, resolved.families))
    for (const { key, kind, label } of inOrder(graph.leaves))
      sums[`${name} / ${label}`] = { ...sumOf(artifacts.get(key)!), kind }
  })
  const layers = Layer.mergeAll(Store.layer(folder), datasetsLayer({ folder: undefined }), Progress.silent)
  await Effect.runPromise(program.pipe(Effect.provide(layers)))
}
console.log(JSON.stringify({ machine: machineName(), sums }))
