/** A target that writes given texts: the session emits them, with and without look-up, and counts what a replay counts. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import type { Decoder } from "@winnow/core"
import { estimatedCounts, replayPass, speculateOne } from "@winnow/decoding"
import { atOnce } from "@winnow/files"
import { ngram } from "@winnow/proposer-ngram"
import { openEngine, tf } from "@winnow/tensor"
import { Effect } from "effect"
import { modelOf } from "../decode/pair.ts"
import { timeOf } from "./timed.ts"
import { writerOf } from "./writer.ts"

const eosId = 0
const text = (prompt: ReadonlyArray<number>, tokens: ReadonlyArray<number>) => ({
  prompt: Int32Array.from(prompt),
  tokens: Int32Array.from([...tokens, eosId]),
  finish: "eos" as const,
  limit: 64,
})
const texts = [text([5, 6, 7, 8, 5], [6, 7, 8, 9, 9, 9]), text([3, 4], [11, 12, 3, 4, 11, 12, 3, 4])]
let model: Decoder
beforeAll(async () => {
  await openEngine()
  model = modelOf([16, 2, 2, 32], 16, 64, 1)
})
afterAll(() => model.dispose())

test.each([0, 1, 4])("draft length %i: the text is written, and its blocks are those of the replay", async (gamma) => {
  const before = tf.memory().numTensors
  const proposer = await Effect.runPromise(ngram().instance)
  const sampling = { temperature: 0 } as const
  const conditions = { sampling, vocabularySize: 16, eosId, longest: 4 }
  const expected = estimatedCounts(atOnce(replayPass(proposer, texts, conditions)), gamma)
  for (const [i, { prompt, tokens }] of texts.entries()) {
    const target = writerOf(model, texts[i]!)
    const { rollout, counts } = await speculateOne(target, gamma === 0 ? undefined : proposer, prompt, {
      ...{ draftLength: gamma, maxNew: 20, eosId },
    })
    expect([...rollout.tokens]).toEqual([...tokens])
    if (gamma > 0) expect([counts.blocks, counts.accepted]).toEqual([expected[i]!.blocks, expected[i]!.accepted])
    else expect(counts.blocks).toBe(tokens.length)
  }
  expect(tf.memory().numTensors).toBe(before)
})

test("times of a data set: every text both ways, tau of its blocks", async () => {
  const proposer = await Effect.runPromise(ngram().instance)
  const time = await timeOf({ name: "two", texts }, model, proposer, { gamma: 4, rounds: 2, eosId })
  expect(time).toMatchObject({ dataset: "two", texts: 2, rounds: 2, gamma: 4 })
  expect(time.tau).toBeGreaterThan(1.5)
  expect(time.milliseconds.block).toBeGreaterThan(0)
  expect(time.low).toBeLessThanOrEqual(time.speedup)
})
