/** One training of a head as a worker: "step" in, one JSON line of its time and its loss out. */
import { parseArgs } from "node:util"
import { openEngine } from "@winnow/tensor"
import { peakMegabytes } from "../side-by-side/peak.ts"
import { headTraining, type TrainingSetting } from "./trainings.ts"

const { values } = parseArgs({ options: { setting: { type: "string" }, threads: { type: "string" } } })
await openEngine({ threads: Number(values.threads) })
const setting = JSON.parse(values.setting!) as TrainingSetting // of bench-heads.ts
const { step, trained, cacheBytes } = await headTraining(setting)
console.log(JSON.stringify({ ready: setting.form }))
let t = 0
for await (const line of console) {
  if (line.trim() !== "step") break
  const start = performance.now()
  const { loss, tokens } = step(t++)
  console.log(JSON.stringify({ seconds: (performance.now() - start) / 1000, loss, tokens, trained, cacheBytes }))
}
console.log(JSON.stringify({ peakMegabytes: peakMegabytes() }))
