/**
 * One turn of ours in a process of its own, as the engines' programs are: loads, runs once untimed, then timed, prints
 * one JSON line. `alone` reads the prompt of round R, and writes tokens after its first one; `pair` decodes the prompt
 * with the draft.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { modelProposer, speculateOne } from "@winnow/decoding"
import { generate } from "@winnow/generation"
import { gptNeox } from "@winnow/model-gpt-neox"
import { qwen2 } from "@winnow/model-qwen2"
import { type DecodingPrecision, loadDecoder } from "@winnow/models"
import { openEngine } from "@winnow/tensor"
import { Effect } from "effect"
import type { Alone, Paired } from "./engines.ts"

const text = { type: "string" } as const
const { values } = parseArgs({
  options: { folder: text, kind: text, precision: text, round: text, new: text, gamma: text, threads: text },
})
const folder = values.folder!
const maxNew = Number(values.new)
await openEngine({ threads: Number(values.threads), whenNeeded: true })
const load = (which: string) =>
  Effect.runPromise(
    loadDecoder(join(folder, which), [gptNeox, qwen2], { precision: values.precision as DecodingPrecision }),
  )
const prompts = JSON.parse(readFileSync(join(folder, "prompts.json"), "utf8")) as ReadonlyArray<ReadonlyArray<number>>
const prompt = prompts[Number(values.round)]!
const target = await load("target")

const timed = async <A>(work: () => Promise<A>): Promise<readonly [number, A]> => {
  await work()
  const start = performance.now()
  const result = await work()
  return [(performance.now() - start) / 1000, result]
}

const alone = async (): Promise<Alone> => {
  const [promptSeconds] = await timed(() => generate(target, [prompt], { maxNew: 1 }))
  const [tokensSeconds] = await timed(() => generate(target, [prompt.slice(0, 1)], { maxNew }))
  return { promptSeconds, tokensSeconds }
}

const pair = async (): Promise<Paired> => {
  const proposer = modelProposer(await load("draft"))
  const options = { draftLength: Number(values.gamma), maxNew }
  const [seconds, { rollout, counts }] = await timed(() => speculateOne(target, proposer, prompt, options))
  const tokens = [...rollout.tokens]
  const { proposed, accepted } = counts
  return { seconds, tokens, written: tokens.length, proposed, accepted }
}

console.log(JSON.stringify(await (values.kind === "pair" ? pair() : alone())))
