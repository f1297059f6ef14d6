/**
 * Our generation as a worker with the peer's protocol: "MODE WAY R" in, MODE greedy or sampled, WAY batch or one; one
 * JSON line with the seconds and the tokens of round R out. "one" continues the first prompts of the round one at a
 * time.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { generate } from "@winnow/generation"
import { gptNeox } from "@winnow/model-gpt-neox"
import { loadDecoder } from "@winnow/models"
import { native, openEngine, type Precision, precision, setPrecision } from "@winnow/tensor"
import { Effect } from "effect"
import { peakMegabytes } from "../side-by-side/peak.ts"

const text = { type: "string" } as const
const { values } = parseArgs({ options: { folder: text, new: text, single: text, threads: text, precision: text } })
const folder = values.folder!
const maxNew = Number(values.new)
await openEngine({ threads: Number(values.threads) })
setPrecision(values.precision as Precision)
const model = await Effect.runPromise(loadDecoder(join(folder, "target"), [gptNeox]))
type Prompts = ReadonlyArray<ReadonlyArray<number>>
const rounds = JSON.parse(readFileSync(join(folder, "prompts.json"), "utf8")) as ReadonlyArray<Prompts>

const write = async (prompts: Prompts, temperature: number, firstIndex: number) => {
  const { rollouts } = await generate(model, prompts, { maxNew, temperature, batchSize: prompts.length, firstIndex })
  return rollouts.map(({ tokens }) => [...tokens])
}
const ways = {
  batch: (prompts: Prompts, temperature: number) => write(prompts, temperature, 0),
  one: async (prompts: Prompts, temperature: number) => {
    const all: Array<ReadonlyArray<number>> = []
    for (const [i, prompt] of prompts.slice(0, Number(values.single)).entries())
      all.push(...(await write([prompt], temperature, i)))
    return all
  },
}

const variant = native()?.variant
const how = variant === undefined ? "float32, plain (no native library)" : `${precision()}, ${variant}`
console.log(JSON.stringify({ ready: `Winnow ${how}` }))
for await (const line of console) {
  const [mode, way, round] = line.trim().split(" ")
  if (way !== "batch" && way !== "one") break
  const start = performance.now()
  const texts = await ways[way](rounds[Number(round)]!, mode === "sampled" ? 1 : 0)
  console.log(JSON.stringify({ seconds: (performance.now() - start) / 1000, texts }))
}
console.log(JSON.stringify({ peakMegabytes: peakMegabytes() }))
