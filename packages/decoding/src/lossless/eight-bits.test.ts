/** Weights in 8 bits: with any draft the text is that of the same 8-bit target alone, and a target accepts all of its own. */
import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { generate } from "@winnow/generation"
import { llama } from "@winnow/model-llama"
import { type DecodingPrecision, initialise, loadDecoder, saveModel } from "@winnow/models"
import { native, openEngine, tf } from "@winnow/tensor"
import { randomPrompts } from "@winnow/testing"
import { Effect } from "effect"
import { modelProposer } from "../model-proposer.ts"
import { speculate } from "../speculate.ts"

const root = mkdtempSync(join(tmpdir(), "winnow-lossless-q8-"))
afterAll(() => rmSync(root, { recursive: true }))
await openEngine()

const sizes = { vocab_size: 600, num_attention_heads: 4, max_position_embeddings: 64 }
const options = {
  target: { ...sizes, hidden_size: 72, intermediate_size: 100, num_hidden_layers: 3 },
  draft: { ...sizes, hidden_size: 40, intermediate_size: 60, num_hidden_layers: 1 },
}
for (const [seed, name] of (["target", "draft"] as const).entries()) {
  const model = initialise(await Effect.runPromise(llama(options[name]).instance), seed)
  await Effect.runPromise(saveModel(model, join(root, name)))
  model.dispose()
}
const open = (name: string, precision: DecodingPrecision) =>
  Effect.runPromise(loadDecoder(join(root, name), [llama], { precision }))

test.skipIf(native() === undefined)("greedy and sampled, gamma 1 to 8, drafts of every precision", async () => {
  const before = tf.memory().numTensors
  const target = await open("target", "q8")
  const prompts = randomPrompts(6, 600, 9, 1)
  const alone = await generate(target, prompts, { maxNew: 24 })
  const drafts = [await open("draft", "q8"), await open("draft", "float32"), await open("target", "bfloat16")]
  const own = await open("target", "q8")
  for (const draftLength of [1, 4, 8]) {
    for (const draft of [...drafts, own]) {
      const done = await speculate(target, modelProposer(draft), prompts, { draftLength, maxNew: 24 })
      expect(done.map(({ rollout }) => rollout)).toEqual([...alone.rollouts])
    }
    // p and q are the same numbers, whatever the rows beside them: every proposal is accepted
    for (const temperature of [0, 1]) {
      const done = await speculate(target, modelProposer(own), prompts, {
        draftLength,
        maxNew: 24,
        temperature,
        seed: 3,
      })
      for (const { counts } of done) expect(counts.rejected).toBe(0)
    }
  }
  for (const model of [target, own, ...drafts]) model.dispose()
  expect(tf.memory().numTensors).toBe(before)
})
