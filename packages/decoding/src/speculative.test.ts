/** Contexts, margins and refusals of speculative decoding; `lossless/` shows that it is lossless. */

import { expect, test } from "bun:test"
import { generate } from "@winnow/generation"
import { tableModel } from "@winnow/testing"
import { compareGreedy } from "./identity.ts"
import { modelProposer } from "./model-proposer.ts"
import { speculate } from "./speculate.ts"
import { SpeculativeSession } from "./speculative.ts"

test("a draft with a shorter context proposes less, the text does not change", async () => {
  const target = tableModel({ V: 5, states: 16, seed: 1 })
  const draft = tableModel({ V: 5, states: 16, seed: 1, noise: 0.3, maxLength: 10 })
  const [alone, [done]] = [
    await generate(target, [[1, 2, 3]], { maxNew: 20 }),
    await speculate(target, modelProposer(draft), [[1, 2, 3]], { draftLength: 4, maxNew: 20 }),
  ]
  expect(done!.rollout).toEqual(alone.rollouts[0]!)
  expect(done!.counts.proposed).toBeGreaterThan(0)
  for (const m of [target, draft]) m.dispose()
})

test("margins show a near tie, which products of another shape could break", async () => {
  const target = tableModel({ V: 4, states: 8, seed: 1, sharpness: 1e-6 })
  const done = await speculate(target, modelProposer(target), [[1]], { draftLength: 2, maxNew: 12 })
  const alone = [{ ...done[0]!.rollout, tokens: done[0]!.rollout.tokens.map((t, i) => (i === 7 ? (t + 1) % 4 : t)) }]
  const { identical, differences, smallestMargin } = compareGreedy(alone, done)
  expect(identical).toBe(0)
  expect(differences[0]).toMatchObject({ prompt: 0, position: 7, margin: done[0]!.margins[7]! })
  expect(smallestMargin).toBeLessThan(1e-5)
  target.dispose()
})

test("errors: different vocabularies, a missing draft", () => {
  const [a, b] = [tableModel({ V: 4, states: 4, seed: 1 }), tableModel({ V: 5, states: 4, seed: 1 })]
  expect(() => new SpeculativeSession(a, modelProposer(b), [1], { draftLength: 2, maxNew: 3 })).toThrow(
    "vocabulary of 4, draft of 5",
  )
  expect(() => new SpeculativeSession(a, undefined, [1], { draftLength: 2, maxNew: 3 })).toThrow("without a proposer")
  expect(() => new SpeculativeSession(a, modelProposer(a), [1], { draftLength: -1, maxNew: 3 })).toThrow("draftLength")
  for (const m of [a, b]) m.dispose()
})
