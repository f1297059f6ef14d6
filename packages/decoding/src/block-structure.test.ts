import { describe, expect, test } from "bun:test"
import { seeded } from "@winnow/numerics"
import { type BlockRules, expectedCounts } from "./block-structure.ts"
import { type BlockCounts, noCounts, sumCounts } from "./counts.ts"

/** Counts by the rules of a literal walk, after the coins have fallen. */
const walk = (match_T: ReadonlyArray<number>, { draftLength, limit }: BlockRules): BlockCounts => {
  let [position, blocks, accepted, rejected] = [0, 0, 0, 0]
  const [testedAt, acceptedAt] = [new Array<number>(draftLength).fill(0), new Array<number>(draftLength).fill(0)]
  while (position < match_T.length) {
    blocks++
    const proposed = Math.max(0, Math.min(draftLength, limit - position - 1))
    let run = 0
    while (run < proposed && position + run < match_T.length && match_T[position + run] === 1) {
      testedAt[run]!++
      acceptedAt[run]!++
      run++
    }
    accepted += run
    if (run < proposed && position + run < match_T.length) {
      testedAt[run]!++
      rejected++
    }
    position += run + 1
  }
  return { blocks, accepted, rejected, emitted: match_T.length, testedAt, acceptedAt }
}

describe("expectedCounts", () => {
  const rng = seeded(11, "coins")

  test("with certain coins: the counts of the walk, exactly", () => {
    for (let i = 0; i < 400; i++) {
      const T = 1 + rng.below(30)
      const bits = Array.from({ length: T }, () => (rng.uniform() < 0.7 ? 1 : 0))
      const rules = { draftLength: rng.below(6), limit: T + rng.below(4) }
      expect(expectedCounts(bits, rules)).toEqual(walk(bits, rules))
    }
  })

  test("with uncertain coins: the mean of the walk over all outcomes of the coins", () => {
    for (let i = 0; i < 40; i++) {
      const T = 1 + rng.below(7)
      const chance_T = Array.from({ length: T }, () => rng.uniform())
      const rules = { draftLength: rng.below(4), limit: T + rng.below(3) }
      const weighted = Array.from({ length: 2 ** T }, (_, outcome) => {
        const bits = chance_T.map((_, t) => (outcome >> t) & 1)
        const weight = bits.reduce((w, bit, t) => w * (bit === 1 ? chance_T[t]! : 1 - chance_T[t]!), 1)
        const c = walk(bits, rules)
        const weigh = (values: ReadonlyArray<number>) => values.map((value) => weight * value)
        const [blocks, accepted, rejected] = weigh([c.blocks, c.accepted, c.rejected]) as [number, number, number]
        return {
          ...{ blocks, accepted, rejected, emitted: 0 },
          ...{ testedAt: weigh(c.testedAt), acceptedAt: weigh(c.acceptedAt) },
        }
      })
      const mean = sumCounts(weighted)
      const got = expectedCounts(chance_T, rules)
      for (const key of ["blocks", "accepted", "rejected"] as const) expect(got[key]).toBeCloseTo(mean[key], 12)
      for (const key of ["testedAt", "acceptedAt"] as const) {
        expect(got[key].length).toBe(rules.draftLength)
        for (const [place, value] of got[key].entries()) expect(value).toBeCloseTo(mean[key][place]!, 12)
      }
    }
  })

  test("all accepted: full blocks of gamma + 1; none accepted: a block a token; gamma 0: nothing tested", () => {
    const ones = new Array(30).fill(1)
    expect(expectedCounts(ones, { draftLength: 4, limit: 99 })).toEqual({
      ...{ blocks: 6, accepted: 24, rejected: 0, emitted: 30 },
      ...{ testedAt: [6, 6, 6, 6], acceptedAt: [6, 6, 6, 6] },
    })
    const zeros = ones.map(() => 0)
    expect(expectedCounts(zeros, { draftLength: 4, limit: 99 })).toEqual({
      ...{ blocks: 30, accepted: 0, rejected: 30, emitted: 30 },
      ...{ testedAt: [30, 0, 0, 0], acceptedAt: [0, 0, 0, 0] },
    })
    expect(expectedCounts(ones, { draftLength: 0, limit: 30 })).toEqual({
      ...{ blocks: 30, accepted: 0, rejected: 0, emitted: 30 },
      ...{ testedAt: [], acceptedAt: [] },
    })
  })

  test("gamma to infinity: accepted over tested is the mean of the coins of a text without an accepted end", () => {
    const bits = [1, 0, 0, 1, 1, 0]
    const { accepted, rejected } = expectedCounts(bits, { draftLength: 100, limit: 100 })
    expect(accepted / (accepted + rejected)).toBe(0.5)
  })

  test("counts of blocks of unequal length add up place by place", () => {
    const parts = [1, 3, 0].map((draftLength) => expectedCounts([1, 1, 0, 1], { draftLength, limit: 9 }))
    const { testedAt, acceptedAt, accepted, rejected } = sumCounts(parts)
    expect({ testedAt, acceptedAt }).toEqual({ testedAt: [3 + 2, 1, 1], acceptedAt: [2 + 2, 1, 0] })
    expect(testedAt.reduce((a, b) => a + b)).toBe(accepted + rejected)
    expect(sumCounts([])).toEqual(noCounts)
  })

  test("adds the chance that each position is tested", () => {
    const tested = new Float64Array(6)
    expectedCounts([1, 1, 0, 1, 1, 1], { draftLength: 2, limit: 10 }, tested)
    expect([...tested]).toEqual([1, 1, 0, 1, 1, 0])
  })
})
