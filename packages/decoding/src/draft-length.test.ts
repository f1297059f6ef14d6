/**
 * A draft length chosen during decoding: its rule, and its adaptation; `lossless/` shows that texts stay the target's.
 */

import { describe, expect, test } from "bun:test"
import { tf } from "@winnow/tensor"
import { randomPrompts, tableModel, tablePair } from "@winnow/testing"
import { bestDraftLength, DraftLength } from "./draft-length.ts"
import { compareGreedy } from "./identity.ts"
import { modelProposer } from "./model-proposer.ts"
import { speculate } from "./speculate.ts"
import { SpeculativeSession } from "./speculative.ts"

describe("the rule", () => {
  test("is the maximum of (1 - alpha^(gamma+1)) / ((1 - alpha)(gamma c + 1)), and the smallest gamma of several maxima", () => {
    for (const alpha of [0, 0.1, 0.5, 0.8, 0.95, 1])
      for (const c of [0.01, 0.1, 0.5, 1, 2]) {
        const speedup = (gamma: number) =>
          (alpha === 1 ? gamma + 1 : (1 - alpha ** (gamma + 1)) / (1 - alpha)) / (gamma * c + 1)
        const best = bestDraftLength(alpha, c, 8)
        for (let gamma = 1; gamma <= 8; gamma++) {
          expect(speedup(gamma)).toBeLessThanOrEqual(speedup(best) * (1 + 1e-12))
          if (gamma < best) expect(speedup(gamma)).toBeLessThan(speedup(best) * (1 + 1e-12))
        }
      }
    expect(bestDraftLength(0.8, 0.05, 8)).toBe(8)
    expect(bestDraftLength(0.3, 0.3, 8)).toBe(1)
    expect(bestDraftLength(1, 1, 8)).toBe(1) // every length gives one token a call
  })

  test("lengths follow acceptance and cost; a fixed length stays", () => {
    const length = new DraftLength({ most: 6, costRatio: 0.1 }, 0.5)
    const lengths: Array<number> = [length.next(undefined)]
    for (const accepted of [...new Array(30).fill(6), ...new Array(60).fill(0)]) {
      length.learn(accepted, accepted === 6 ? 0 : 1)
      lengths.push(length.next(99)) // a stated cost ratio takes precedence over the measured one
    }
    expect(lengths[0]).toBe(5)
    expect(lengths[30]).toBe(6)
    expect(lengths.at(-1)).toBe(1)
    expect(length.acceptance).toBeLessThan(0.2)
    const measured = new DraftLength({ most: 8 }, 0.01)
    expect([measured.next(undefined), measured.next(0.3)]).toEqual([8, 2])
    const fixed = new DraftLength(3, 0.1)
    fixed.learn(0, 50)
    expect([fixed.next(1), fixed.most]).toEqual([3, 3])
  })
})

test("greedy: the target's own text, blocks lengthen while the draft is right, runs repeat, and no tensor is left", async () => {
  const before = tf.memory().numTensors
  const { target, draft, dispose } = tablePair(7, 3, 0.7)
  const prompts = randomPrompts(8, 7, 6, 3)
  const draftLength = { most: 8, costRatio: 0.1 }
  const alone = await speculate(target, undefined, prompts, { draftLength: 0, maxNew: 60 })
  const done = await speculate(target, modelProposer(draft), prompts, { draftLength, maxNew: 60 })
  const rollouts = alone.map(({ rollout }) => rollout)
  expect(compareGreedy(rollouts, done).identical).toBe(8)
  const proposed = done.map(({ counts }) => counts.proposed / counts.blocks)
  expect(Math.max(...proposed)).toBeGreaterThan(1.1 * Math.min(...proposed)) // the length was chosen
  const again = await speculate(target, modelProposer(draft), prompts, { draftLength, maxNew: 60 })
  expect(again.map(({ counts }) => counts)).toEqual(done.map(({ counts }) => counts))
  const measured = await speculate(target, modelProposer(draft), prompts, { draftLength: { most: 8 }, maxNew: 60 })
  expect(compareGreedy(rollouts, measured).identical).toBe(8)
  const [right] = await speculate(target, modelProposer(target), [[1]], { draftLength, maxNew: 200 })
  expect(right!.counts.acceptedAt[7]).toBeGreaterThan(15)
  const other = tableModel({ V: 7, states: 16, seed: 99, support: [0] })
  const [wrong] = await speculate(target, modelProposer(other), [[1]], { draftLength, maxNew: 200 })
  expect(wrong!.counts.proposed / wrong!.counts.blocks).toBeLessThan(3)
  other.dispose()
  dispose()
  expect(tf.memory().numTensors).toBe(before)
})

test("options that make no sense are refused", () => {
  const target = tableModel({ V: 4, states: 4, seed: 1 })
  const make = (draftLength: unknown, draft: typeof target | undefined = target) =>
    new SpeculativeSession(target, modelProposer(draft), [1], { draftLength: draftLength as number, maxNew: 3 })
  for (const wrong of [{ most: 0 }, { most: 65 }, { costRatio: 0 }, { longest: 3 }, "adaptive", -1, 1.5])
    expect(() => make(wrong)).toThrow("draftLength")
  expect(() => new SpeculativeSession(target, undefined, [1], { draftLength: {}, maxNew: 3 })).toThrow(
    "without a proposer",
  )
  target.dispose()
})
