/**
 * Sampled text has the target's distribution: chi-square of joint 4-grams, with the production generator.
 *
 * `FALSE_ALARM` is the chance that one test of a correct sampler fails. Seeds are fixed, so each run has the same
 * result.
 */
import { describe, expect, test } from "bun:test"
import { chiSquareExcess, type Decoded, nGramExcess, tablePair } from "@winnow/testing"

const SAMPLES = 4000
const seeds = [1, 2, 3, 4, 5]

describe(`joint distribution of four tokens, ${seeds.length} seeds of ${SAMPLES} texts`, () => {
  const settings: ReadonlyArray<Decoded["options"]> = [
    { temperature: 1, draftLength: 1, maxNew: 4 },
    { temperature: 1, draftLength: 3, maxNew: 4 },
    { temperature: 0.6, draftLength: 2, maxNew: 4 },
    { temperature: 0.7, topK: 3, draftLength: 2, maxNew: 4 },
    { temperature: 1.4, topP: 0.85, draftLength: 3, maxNew: 4 },
    { temperature: 1.2, topK: 3, topP: 0.9, draftLength: 2, maxNew: 4, eosId: 1 },
    { temperature: 1, draftLength: { most: 3, costRatio: 0.2 }, maxNew: 4 },
  ]
  for (const options of settings)
    test(JSON.stringify(options), () => {
      for (const seed of seeds) {
        const { target, draft, dispose } = tablePair(4, seed, 1, 0.15, true)
        expect(nGramExcess({ target, draft, prompt: [1, 3], options }, SAMPLES, seed)).toBeLessThan(1)
        dispose()
      }
    })
})

describe("the statistic", () => {
  const uniform = new Map(Array.from({ length: 16 }, (_, i) => [String(i), 1 / 16]))

  test("is 0 on the expected counts, infinite if an impossible outcome occurred, and above 1 on counts of another distribution", () => {
    const even = new Map(uniform.keys().map((key) => [key, 100]))
    expect(chiSquareExcess(even, uniform)).toBe(0)
    expect(chiSquareExcess(new Map([...even, ["x", 1]]), uniform)).toBe(Number.POSITIVE_INFINITY)
    const tilted = new Map(even.entries().map(([key, n], i) => [key, i < 8 ? n - 20 : n + 20]))
    expect(chiSquareExcess(tilted, uniform)).toBeGreaterThan(1) // 16 * 400 / 100 = 64 at 15 degrees
    expect(chiSquareExcess(tilted, uniform)).toBeLessThan(1.5)
    expect(() => chiSquareExcess(new Map([["0", 20]]), uniform)).toThrow("cells")
  })
})
