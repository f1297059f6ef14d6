/** Our loading as a worker with the peer's protocol: "load FORMAT" in, one JSON line with seconds out. */
import { join } from "node:path"
import { parseArgs } from "node:util"
import { gptNeox } from "@winnow/model-gpt-neox"
import { loadModel } from "@winnow/models"
import { openEngine } from "@winnow/tensor"
import { Effect } from "effect"
import { peakMegabytes } from "../side-by-side/peak.ts"

const { values } = parseArgs({ options: { folder: { type: "string" }, threads: { type: "string" } } })
await openEngine({ threads: Number(values.threads) })
console.log(JSON.stringify({ ready: "Winnow loadModel" }))
for await (const line of console) {
  const [what, format] = line.trim().split(" ")
  if (what !== "load") break
  const start = performance.now()
  const model = await Effect.runPromise(loadModel(join(values.folder!, format!), [gptNeox]))
  model.parameters.forEach(() => {}) // all in float32, as the peer has them: matrices in bfloat16 wait until they are asked for
  console.log(JSON.stringify({ seconds: (performance.now() - start) / 1000 }))
  model.dispose()
}
console.log(JSON.stringify({ peakMegabytes: peakMegabytes() }))
