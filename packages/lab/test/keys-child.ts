/** Prints the keys of an experiment's stages by label, and what cannot be told of its plugins. Argument: the experiment's file. */
import { openEngine } from "@winnow/tensor"
import { Effect } from "effect"
import type { Experiment } from "../src/experiment/define.ts"
import { resolve } from "../src/experiment/resolve.ts"
import { inOrder } from "../src/stage.ts"
import { enter } from "../src/store/code/module-graph.ts"
import { untoldPlugins } from "../src/untold.ts"
import { graphOf } from "./graph.ts"

await openEngine()
const [file] = process.argv.slice(2)
enter(file!)
const { default: experiment } = (await import(file!)) as { readonly default: Experiment }
const resolved = await Effect.runPromise(resolve(experiment))
const { leaves } = await Effect.runPromise(graphOf(resolved))
const keys = Object.fromEntries(inOrder(leaves).map(({ label, key }) => [label, key]))
console.log(JSON.stringify({ keys, untold: untoldPlugins(resolved) }))
