/**
 * Prints the keys of an experiment's stages by label, and what cannot be told of its plugins, a line for each line of stdin:
 * the experiment's file and the id of its run, as JSON.
 */
import "@winnow/core/arktype-setup"
import { openEngine } from "@winnow/tensor"
import { Effect } from "effect"
import type { Experiment } from "../src/experiment/define.ts"
import { resolve } from "../src/experiment/resolve.ts"
import { inOrder } from "../src/stage.ts"
import { enter } from "../src/store/code/module-graph.ts"
import { untoldPlugins } from "../src/untold.ts"
import { graphOf } from "./graph.ts"

await openEngine()
for await (const line of console) {
  if (line === "") continue // the end of stdin
  const { file, run } = JSON.parse(line) as { readonly file: string; readonly run: string }
  process.env["WINNOW_RUN_ID"] = run
  enter(file)
  const { default: experiment } = (await import(file)) as { readonly default: Experiment }
  const resolved = await Effect.runPromise(resolve(experiment))
  const { leaves } = await Effect.runPromise(graphOf(resolved))
  const keys = Object.fromEntries(inOrder(leaves).map(({ label, key }) => [label, key]))
  console.log(JSON.stringify({ keys, untold: untoldPlugins(resolved) }))
}
