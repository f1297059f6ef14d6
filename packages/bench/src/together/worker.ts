/**
 * Decoding with a draft as a worker: "one R" or "together R" in, one JSON line with the seconds, texts and counts of the
 * prompts of round R out.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { modelProposer, speculate, speculateTogether } from "@winnow/decoding"
import { gptNeox } from "@winnow/model-gpt-neox"
import { type DecodingPrecision, loadDecoder } from "@winnow/models"
import { openEngine } from "@winnow/tensor"
import { Effect } from "effect"
import { peakMegabytes } from "../side-by-side/peak.ts"

const text = { type: "string" } as const
const { values } = parseArgs({
  options: { folder: text, gamma: text, new: text, batch: text, threads: text, precision: text },
})
const folder = values.folder!
await openEngine({ threads: Number(values.threads), whenNeeded: true })
const load = (which: string) =>
  Effect.runPromise(loadDecoder(join(folder, which), [gptNeox], { precision: values.precision as DecodingPrecision }))
const [target, proposer] = [await load("target"), modelProposer(await load("draft"))]
const prompts = JSON.parse(readFileSync(join(folder, "prompts.json"), "utf8")) as ReadonlyArray<ReadonlyArray<number>>
const batchSize = Number(values.batch)
const options = { draftLength: Number(values.gamma), maxNew: Number(values.new) }
const ways = {
  one: (some: typeof prompts) => speculate(target, proposer, some, options),
  together: (some: typeof prompts) => speculateTogether(target, proposer, some, { ...options, batchSize }),
}

console.log(JSON.stringify({ ready: `Winnow ${values.precision}` }))
for await (const line of console) {
  const [way, round] = line.trim().split(" ")
  if (way !== "one" && way !== "together") break
  const some = prompts.slice(Number(round) * batchSize, (Number(round) + 1) * batchSize)
  const start = performance.now()
  const done = await ways[way](some)
  const seconds = (performance.now() - start) / 1000
  const texts = done.map(({ rollout }) => [...rollout.tokens])
  const [accepted, rejected] = (["accepted", "rejected"] as const).map((name) =>
    done.reduce((sum, { counts }) => sum + counts[name], 0),
  )
  console.log(JSON.stringify({ seconds, texts, accepted, rejected }))
}
console.log(JSON.stringify({ peakMegabytes: peakMegabytes() }))
