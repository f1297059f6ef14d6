/**
 * Our decoding as a worker with the peer's protocol: "plain R" or "assisted R" in, one JSON line with seconds and
 * tokens of prompt R out.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { modelProposer, speculateOne } from "@winnow/decoding"
import { generate } from "@winnow/generation"
import { gptNeox } from "@winnow/model-gpt-neox"
import { qwen2 } from "@winnow/model-qwen2"
import { type DecodingPrecision, loadDecoder } from "@winnow/models"
import { native, openEngine } from "@winnow/tensor"
import { Effect } from "effect"
import { peakMegabytes } from "../side-by-side/peak.ts"

const { values } = parseArgs({
  options: {
    folder: { type: "string" },
    gamma: { type: "string" },
    new: { type: "string" },
    threads: { type: "string" },
    precision: { type: "string" },
    "draft-precision": { type: "string" },
  },
})
const folder = values.folder!
const maxNew = Number(values.new)
await openEngine({ threads: Number(values.threads), whenNeeded: true })
const precisions = { target: values.precision, draft: values["draft-precision"] } as Record<string, DecodingPrecision>
const load = (which: string) =>
  Effect.runPromise(loadDecoder(join(folder, which), [gptNeox, qwen2], { precision: precisions[which] }))
const [target, proposer] = [await load("target"), modelProposer(await load("draft"))]
const prompts = JSON.parse(readFileSync(join(folder, "prompts.json"), "utf8")) as ReadonlyArray<ReadonlyArray<number>>

const plain = async (prompt: ReadonlyArray<number>) => {
  const { rollouts, stats } = await generate(target, [prompt], { maxNew })
  return { tokens: [...rollouts[0]!.tokens], targetCalls: stats.calls }
}

const assisted = async (prompt: ReadonlyArray<number>) => {
  const { rollout, counts, margins } = await speculateOne(target, proposer, prompt, {
    draftLength: Number(values.gamma),
    maxNew,
  })
  const { blocks, accepted, rejected } = counts
  return { tokens: [...rollout.tokens], targetCalls: blocks, accepted, rejected, margins }
}

const variant = native()?.variant
const how =
  variant === undefined
    ? "float32, plain (no native library)"
    : `${[...new Set(Object.values(precisions))].join(" with a draft in ")}, ${variant}`
console.log(JSON.stringify({ ready: `Winnow ${how}` }))
for await (const line of console) {
  const [what, round] = line.trim().split(" ")
  if (what !== "plain" && what !== "assisted") break
  const start = performance.now()
  const done = await { plain, assisted }[what](prompts[Number(round)]!)
  console.log(JSON.stringify({ seconds: (performance.now() - start) / 1000, ...done }))
}
console.log(JSON.stringify({ peakMegabytes: peakMegabytes() }))
