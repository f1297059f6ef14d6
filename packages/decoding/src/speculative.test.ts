/** Speculative decoding of whole texts on models that are exact in float32: identity, roll-back, counting, distribution. */
import { describe, expect, test } from "bun:test"
import { tf } from "@winnow/tensor"
import { everyOutcome } from "../test/every-outcome.ts"
import { pair, randomPrompts, type TableModel, tableModel } from "../test/table-model.ts"
import type { Chance } from "./block.ts"
import { expectedCounts } from "./block-structure.ts"
import { sumCounts } from "./counts.ts"
import { generate } from "./generate.ts"
import { compareGreedy } from "./identity.ts"
import { adjusted, type Sampling } from "./sampling.ts"
import { speculate } from "./speculate.ts"
import { type SpeculativeOptions, SpeculativeSession } from "./speculative.ts"

const runOne = (
  target: TableModel,
  draft: TableModel,
  prompt: ArrayLike<number>,
  options: SpeculativeOptions,
  chance?: Chance,
) => {
  const session = new SpeculativeSession(target, draft, prompt, options, undefined, chance)
  while (session.step());
  session.dispose()
  return session
}

describe("greedy", () => {
  test("token for token the target's own, for every gamma, with EOS, stop rule and length inside blocks", async () => {
    const before = tf.memory().numTensors
    const finishes = new Set<string>()
    let cuts = 0
    for (const seed of [1, 2, 3]) {
      const { target, draft, dispose } = pair(7, seed, 0.7)
      const prompts = randomPrompts(25, 7, 6, seed)
      const stop = (tokens: ReadonlyArray<number>) => tokens.length % 5 === 0 && tokens.at(-1)! < 4
      for (const hooks of [{}, { stop }])
        for (const maxNew of [1, 2, 17]) {
          const alone = await generate(target, prompts, { maxNew, eosId: 5 }, hooks)
          for (const draftLength of [0, 1, 2, 4, 8]) {
            const done = await speculate(target, draft, prompts, { draftLength, maxNew, eosId: 5 }, hooks)
            expect(done.map((d) => d.rollout)).toEqual([...alone.rollouts])
            expect(compareGreedy(alone.rollouts, done).identical).toBe(25)
            for (const { counts: c, rollout } of done) {
              finishes.add(rollout.finish)
              if (c.untruncated > c.emitted) cuts++
              expect(c.emitted).toBe(rollout.tokens.length)
              expect(c.accepted).toBe(c.acceptedAt.reduce((a, b) => a + b, 0))
              expect(c.accepted + c.rejected).toBe(c.testedAt.reduce((a, b) => a + b, 0))
              expect(c.rejected).toBeLessThanOrEqual(c.blocks)
              expect(c.proposed).toBeLessThanOrEqual(draftLength * c.blocks)
              if (c.untruncated === c.emitted) expect(c.emitted).toBe(c.accepted + c.blocks)
            }
          }
        }
      dispose()
    }
    expect(finishes).toEqual(new Set(["eos", "stop", "length"]))
    expect(cuts).toBeGreaterThan(100) // blocks were cut inside, or ended by an accepted end token
    expect(tf.memory().numTensors).toBe(before)
  }, 30_000)

  test("draft = target: all accepted, tau = gamma + 1 on full blocks", async () => {
    const { target, dispose } = pair(7, 4, 0)
    for (const draftLength of [1, 3, 8]) {
      const done = await speculate(target, target, randomPrompts(5, 7, 4, 1), {
        draftLength,
        maxNew: 5 * (draftLength + 1),
      })
      const { accepted, rejected, blocks, emitted } = sumCounts(done.map((d) => d.counts))
      expect([accepted, rejected, blocks, emitted]).toEqual([25 * draftLength, 0, 25, 25 * (draftLength + 1)])
    }
    dispose()
  })

  test("disjoint supports: nothing accepted, the text is still the target's", async () => {
    const target = tableModel({ V: 8, states: 16, seed: 1, support: [0, 1, 2, 3] })
    const draft = tableModel({ V: 8, states: 16, seed: 2, support: [4, 5, 6, 7] })
    const prompts = randomPrompts(6, 8, 4, 1)
    for (const temperature of [0, 1]) {
      const done = await speculate(target, draft, prompts, { draftLength: 3, maxNew: 9, temperature })
      const { accepted, blocks, emitted } = sumCounts(done.map((d) => d.counts))
      expect([accepted, blocks, emitted]).toEqual([0, 54, 54])
      expect(done.every((d) => d.rollout.tokens.every((t) => t < 4))).toBe(true)
    }
    for (const m of [target, draft]) m.dispose()
  })

  test("a draft with a shorter context proposes less, the text does not change", async () => {
    const target = tableModel({ V: 5, states: 16, seed: 1 })
    const draft = tableModel({ V: 5, states: 16, seed: 1, noise: 0.3, maxLength: 10 })
    const [alone, [done]] = [
      await generate(target, [[1, 2, 3]], { maxNew: 20 }),
      await speculate(target, draft, [[1, 2, 3]], { draftLength: 4, maxNew: 20 }),
    ]
    expect(done!.rollout).toEqual(alone.rollouts[0]!)
    expect(done!.counts.proposed).toBeGreaterThan(0)
    for (const m of [target, draft]) m.dispose()
  })

  test("margins: a near tie that differently shaped products would break is seen", async () => {
    const target = tableModel({ V: 4, states: 8, seed: 1, sharpness: 1e-6 })
    const done = await speculate(target, target, [[1]], { draftLength: 2, maxNew: 12 })
    const alone = [{ ...done[0]!.rollout, tokens: done[0]!.rollout.tokens.map((t, i) => (i === 7 ? (t + 1) % 4 : t)) }]
    const { identical, differences, smallestMargin } = compareGreedy(alone, done)
    expect(identical).toBe(0)
    expect(differences[0]).toMatchObject({ prompt: 0, position: 7, margin: done[0]!.margins[7]! })
    expect(smallestMargin).toBeLessThan(1e-5)
    target.dispose()
  })
})

describe("sampled, every outcome of whole texts", () => {
  const settings: Array<[Sampling, number]> = [
    [{ temperature: 1 }, 1],
    [{ temperature: 1 }, 2],
    [{ temperature: 0.6, topK: 2 }, 2],
    [{ temperature: 1.5, topP: 0.8 }, 3],
  ]
  for (const [sampling, draftLength] of settings)
    test(`${JSON.stringify(sampling)}, gamma ${draftLength}: texts have the target's distribution, counts their expectation`, () => {
      const { target, draft, dispose } = pair(3, 20 + draftLength, 1, 0.2)
      const [prompt, maxNew, eosId] = [[1, 0], 4, 2]
      const outcomes = everyOutcome((chance) => {
        const session = runOne(target, draft, prompt, { ...sampling, draftLength, maxNew, eosId }, chance)
        return { tokens: session.rollout.tokens, counts: session.counts }
      })
      const emitted = new Map<string, number>()
      for (const { value, weight } of outcomes)
        emitted.set(value.tokens.join(), (emitted.get(value.tokens.join()) ?? 0) + weight)
      const expected = { blocks: 0, accepted: 0, rejected: 0 }
      /** Goes through all texts of the target; checks each one's probability. */
      const visit = (tokens: Array<number>, weight: number, chance_T: Array<number>): void => {
        if (weight === 0) return
        if (tokens.length === maxNew || tokens.at(-1) === eosId) {
          expect(Math.abs((emitted.get(tokens.join()) ?? 0) - weight)).toBeLessThan(1e-12)
          const counts = expectedCounts(chance_T, { draftLength, limit: maxNew })
          for (const key of ["blocks", "accepted", "rejected"] as const) expected[key] += weight * counts[key]
          return
        }
        const p_V = adjusted(target.logitsAfter([...prompt, ...tokens]), sampling)
        const q_V = adjusted(draft.logitsAfter([...prompt, ...tokens]), sampling)
        for (const [v, p] of p_V.entries())
          if (p > 0) visit([...tokens, v], weight * p, [...chance_T, Math.min(1, q_V[v]! / p)])
      }
      visit([], 1, [])
      expect([...emitted.values()].reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12)
      for (const key of ["blocks", "accepted", "rejected"] as const)
        expect(outcomes.reduce((sum, o) => sum + o.weight * o.value.counts[key], 0)).toBeCloseTo(expected[key], 12)
      dispose()
    })
})

test("errors: vocabularies that differ, a draft that is missing", () => {
  const [a, b] = [tableModel({ V: 4, states: 4, seed: 1 }), tableModel({ V: 5, states: 4, seed: 1 })]
  expect(() => new SpeculativeSession(a, b, [1], { draftLength: 2, maxNew: 3 })).toThrow("vocabulary of 4, draft of 5")
  expect(() => new SpeculativeSession(a, undefined, [1], { draftLength: 2, maxNew: 3 })).toThrow("without a draft")
  expect(() => new SpeculativeSession(a, a, [1], { draftLength: -1, maxNew: 3 })).toThrow("draftLength")
  for (const m of [a, b]) m.dispose()
})
