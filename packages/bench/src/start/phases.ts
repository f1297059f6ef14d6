/**
 * The phases before a first token, in a process that does them one by one: bun phases.ts FOLDER PRECISION STARTED THREADS
 * prints the seconds of each; STARTED is the time in ms at which the process was asked for.
 */
import { join } from "node:path"

const [folder, precision, started, threads] = process.argv.slice(2) as [string, string, string, string]
const seconds: Record<string, number> = {}
let since = Number(started)
const mark = (phase: string): void => {
  const now = performance.timeOrigin + performance.now()
  seconds[phase] = (now - since) / 1000
  since = now
}
mark("runtime")
const [{ Effect }, { gptNeox }, { loadDecoder }, { loadCodec }, { speculateOne }, { openEngine }] = await Promise.all([
  import("effect"),
  import("@winnow/model-gpt-neox"),
  import("@winnow/models"),
  import("@winnow/data"),
  import("@winnow/decoding"),
  import("@winnow/tensor"),
])
mark("modules")
await openEngine({ threads: Number(threads), whenNeeded: true })
mark("engine")
const target = join(folder, "target")
const codec = await Effect.runPromise(loadCodec(target))
const [prompt] = await Effect.runPromise(codec.encode(["The quick brown fox"]))
mark("tokenizer")
const model = await Effect.runPromise(
  loadDecoder(target, [gptNeox], { precision: precision as "float32" | "bfloat16" | "q8" }),
)
mark("weights")
await speculateOne(model, undefined, prompt!, { draftLength: 0, maxNew: 1 })
mark("token")
console.log(JSON.stringify(seconds))
