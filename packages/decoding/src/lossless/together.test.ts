/** Several prompts at once: each text, its counts and margins are those of the prompt alone, in far fewer passes. */
import { expect, test } from "bun:test"
import type { Decoder } from "@winnow/core"
import { generate } from "@winnow/generation"
import { llama } from "@winnow/model-llama"
import { initialise } from "@winnow/models"
import { native, openEngine, setPrecision, tf } from "@winnow/tensor"
import { randomPrompts, tablePair } from "@winnow/testing"
import { Effect } from "effect"
import { modelProposer } from "../model-proposer.ts"
import { speculate } from "../speculate.ts"
import { speculateTogether } from "../together.ts"

await openEngine()

const sizes = { vocab_size: 300, num_attention_heads: 4, num_key_value_heads: 2, max_position_embeddings: 96 }
const modelOf = async (layers: number, seed: number): Promise<Decoder> => {
  const shape = { hidden_size: 64, intermediate_size: 96, num_hidden_layers: layers }
  return initialise(await Effect.runPromise(llama({ ...sizes, ...shape }).instance), seed)
}
/** Lengths from 1 to 40, so that some prompts are read while the blocks of others are verified. */
const prompts = randomPrompts(11, 300, 40, 3)

test.skipIf(native() === undefined)("greedy and sampled, for batches, lengths and precisions", async () => {
  const before = tf.memory().numTensors
  // of one seed: the draft is the target's first layer, and agrees with it now and then
  const [target, draft] = [await modelOf(3, 1), await modelOf(1, 1)]
  const proposer = modelProposer(draft)
  let accepted = 0
  for (const precision of ["float32", "bfloat16"] as const) {
    setPrecision(precision)
    for (const sampling of [{ temperature: 0 }, { temperature: 1 }, { temperature: 0.8, topK: 20 }])
      for (const [draftLength, batchSize] of [
        [1, 11],
        [4, 3],
        [7, 4],
      ] as const) {
        const options = { ...sampling, draftLength, maxNew: 18, eosId: 7, index: 5 }
        const one = await speculate(target, proposer, prompts, options)
        const all = await speculateTogether(target, proposer, prompts, { ...options, batchSize })
        expect(all.map(({ rollout }) => rollout)).toEqual(one.map(({ rollout }) => rollout))
        expect(all.map(({ counts }) => counts)).toEqual(one.map(({ counts }) => counts))
        expect(all.map(({ margins }) => margins)).toEqual(one.map(({ margins }) => margins))
        accepted += all.reduce((sum, { counts }) => sum + counts.accepted, 0)
      }
  }
  setPrecision("float32")
  expect(accepted).toBeGreaterThan(50)
  for (const model of [target, draft]) model.dispose()
  expect(tf.memory().numTensors).toBe(before)
})

test.skipIf(native() === undefined)(
  "one pass over the target verifies a round, and the target alone runs so too",
  async () => {
    const target = await modelOf(2, 2)
    const own = await modelOf(2, 2)
    let [passes, parts] = [0, 0]
    const begin = target.decoding.bind(target)
    const decoding: typeof begin = (...args) => {
      const state = begin(...args)
      const { together } = state.quick!
      const greedy: NonNullable<typeof together>["greedy"] = (calls, margins) => {
        passes++
        parts += calls.length
        return together!.greedy(calls, margins)
      }
      Object.assign(state.quick!, { together: { ...together, greedy } })
      return state
    }
    Object.assign(target, { decoding })
    const options = { draftLength: 3, maxNew: 16 }
    const alone = await generate(own, prompts, { maxNew: 16 })
    const texts = async (draftLength: number) =>
      (await speculateTogether(target, modelProposer(own), prompts, { ...options, draftLength, batchSize: 11 })).map(
        ({ rollout }) => [...rollout.tokens],
      )
    const expected = alone.rollouts.map(({ tokens }) => [...tokens])
    expect(await texts(3)).toEqual(expected)
    // its own weights are the draft: four tokens a round
    expect([passes, parts]).toEqual([4, 44])
    expect(await texts(0)).toEqual(expected)
    expect([passes, parts]).toEqual([20, 220])
    for (const model of [target, own]) model.dispose()
  },
)

test.skipIf(native() === undefined)("a model that drafts for itself has the margins of each prompt alone", async () => {
  const target = await modelOf(2, 2)
  const options = { draftLength: 3, maxNew: 10, eosId: 7 }
  const one = await speculate(target, modelProposer(target), prompts, options)
  const all = await speculateTogether(target, modelProposer(target), prompts, { ...options, batchSize: 4 })
  expect(all.map(({ rollout, margins }) => [rollout, margins])).toEqual(
    one.map(({ rollout, margins }) => [rollout, margins]),
  )
  target.dispose()
})

test("without native decoding each prompt is called alone, with the same texts", async () => {
  for (const quick of [false, true]) {
    const { target, draft, dispose } = tablePair(7, 2, 0.7, 0, quick)
    const some = randomPrompts(9, 7, 6, 2)
    for (const temperature of [0, 1]) {
      const options = { temperature, draftLength: 3, maxNew: 9, eosId: 5 }
      const one = await speculate(target, modelProposer(draft), some, options)
      const progress: Array<number> = []
      const all = await speculateTogether(
        target,
        modelProposer(draft),
        some,
        { ...options, batchSize: 4 },
        { onProgress: ({ finished }) => progress.push(finished) },
      )
      expect(all.map(({ rollout, counts }) => [rollout, counts])).toEqual(
        one.map(({ rollout, counts }) => [rollout, counts]),
      )
      expect(progress).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    }
    dispose()
  }
})

test("a batch of no prompts is refused, and no prompts give no results", async () => {
  const { target, draft, dispose } = tablePair(7, 2, 0.7, 0, true)
  const options = { draftLength: 2, maxNew: 4 }
  expect(await speculateTogether(target, modelProposer(draft), [], options)).toEqual([])
  const refused = speculateTogether(target, modelProposer(draft), [[1]], { ...options, batchSize: 0 })
  await expect(refused).rejects.toThrow("batchSize is 0, expected a whole number of 1 or more")
  dispose()
})
