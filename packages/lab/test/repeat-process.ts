/**
 * A process that repeats a run of the tiny experiment, with the arithmetic that its environment asks for. Arguments: the
 * run's folder, a home. Prints the repeat as JSON.
 */
import { datasetsLayer } from "@winnow/data"
import { openEngine } from "@winnow/tensor"
import { Effect, Layer } from "effect"
import { registryOf } from "../src/experiment/registry.ts"
import { Progress } from "../src/progress.ts"
import { repeatRun } from "../src/repeat/repeat.ts"
import { tiny } from "./tiny.ts"

const [folder, home] = process.argv.slice(2) as [string, string]
await openEngine()
const repeat = await Effect.runPromise(
  repeatRun(folder, { home, registry: registryOf(tiny) }).pipe(
    Effect.provide(Layer.merge(datasetsLayer({ folder: undefined }), Progress.silent)),
  ),
)
console.log(JSON.stringify(repeat))
