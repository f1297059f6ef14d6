/** Limits with a known outcome: a draft equal to the target, a draft without a common token, and no draft. */

import { describe, expect, test } from "bun:test"
import { generate } from "@winnow/generation"
import { randomPrompts, tableModel, tablePair } from "@winnow/testing"
import { Effect } from "effect"
import { architectures, randomModel, VOCABULARY } from "../../test/transformers.ts"
import { acceptanceRecord } from "../acceptance.ts"
import { modelProposer } from "../model-proposer.ts"
import { speculate } from "../speculate.ts"

describe("draft = target: alpha 1, and tau gamma + 1 on full blocks", () => {
  const models = {
    table: () => tablePair(7, 4, 0).target,
    ...Object.fromEntries(
      architectures.map(([name, architecture]) => [name, () => randomModel(Effect.runSync(architecture))]),
    ),
  }
  for (const [name, make] of Object.entries(models))
    for (const temperature of [0, 1])
      test(`${name}, temperature ${temperature}`, async () => {
        const target = make()
        const prompts = randomPrompts(5, target.architecture.vocabularySize, 4, 1)
        for (const draftLength of [1, 3, 8]) {
          const options = { draftLength, maxNew: 4 * (draftLength + 1), temperature }
          const done = await speculate(target, modelProposer(target), prompts, options)
          const record = acceptanceRecord(
            done.map(({ counts }) => counts),
            { sampling: { temperature }, draftLength, dataset: "random" },
            "decoded",
          )
          // On the plain path q and p come from products of other shapes: a ratio of 1 - 1e-6 is rejected once in 1e6.
          expect(record.acceptance).toEqual({ pooled: 1, perPrompt: 1 })
          expect(record.blockEfficiency).toEqual({ pooled: draftLength + 1, perPrompt: draftLength + 1 })
          expect(record.byPosition.map(({ tested, acceptance }) => [tested, acceptance])).toEqual(
            Array.from({ length: draftLength }, () => [20, 1]),
          )
        }
        target.dispose()
      })
})

test("disjoint supports: alpha 0, a block a token, and the text is still the target's", async () => {
  const target = tableModel({ V: 8, states: 16, seed: 1, support: [0, 1, 2, 3] })
  const draft = tableModel({ V: 8, states: 16, seed: 2, support: [4, 5, 6, 7] })
  const prompts = randomPrompts(6, 8, 4, 1)
  for (const temperature of [0, 1]) {
    const done = await speculate(target, modelProposer(draft), prompts, { draftLength: 3, maxNew: 9, temperature })
    for (const { counts, rollout } of done) {
      // the last block has no room to propose
      expect(counts).toMatchObject({ accepted: 0, rejected: 8, blocks: 9, emitted: 9 })
      expect(rollout.tokens.every((token) => token < 4)).toBe(true)
    }
  }
  const { rollouts } = await generate(target, prompts, { maxNew: 9 })
  const greedy = await speculate(target, modelProposer(draft), prompts, { draftLength: 3, maxNew: 9 })
  expect(greedy.map(({ rollout }) => rollout)).toEqual([...rollouts])
  for (const model of [target, draft]) model.dispose()
})

test("gamma 0 is the target alone: the same text, a call a token, and the draft is never called", async () => {
  const target = randomModel(Effect.runSync(architectures[0]![1]))
  const unused = { ...target, decoding: () => expect.unreachable() }
  const prompts = randomPrompts(5, VOCABULARY, 6, 2)
  const { rollouts } = await generate(target, prompts, { maxNew: 12 })
  const done = await speculate(target, modelProposer(unused), prompts, { draftLength: 0, maxNew: 12 })
  expect(done.map(({ rollout }) => rollout)).toEqual([...rollouts])
  for (const { counts } of done)
    expect(counts).toMatchObject({ blocks: 12, accepted: 0, rejected: 0, emitted: 12, proposed: 0, testedAt: [] })
  target.dispose()
})
