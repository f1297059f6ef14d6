/** Exact enumeration of whole texts: every draft, decision and correction of a session, summed up to 1e-12. */
import { describe, expect, test } from "bun:test"
import {
  type Decoded,
  decodeText,
  everyOutcome,
  everyText,
  meanCounts,
  tableModel,
  tablePair,
  targetTexts,
  weighted,
  worstError,
} from "@winnow/testing"

const prompt = [1, 0]

describe("whole texts have the target's distribution, and their counts the expected ones", () => {
  const eosId = 2
  const settings: ReadonlyArray<Decoded["options"] & { readonly draftLength: number }> = [
    { temperature: 1, draftLength: 0, maxNew: 4, eosId },
    { temperature: 1, draftLength: 1, maxNew: 5, eosId },
    { temperature: 1, draftLength: 2, maxNew: 5, eosId },
    { temperature: 1, draftLength: 3, maxNew: 4 },
    { temperature: 0.6, topK: 2, draftLength: 2, maxNew: 5, eosId },
    { temperature: 1.5, topP: 0.8, draftLength: 3, maxNew: 5, eosId },
    { temperature: 0.8, topK: 2, topP: 0.7, draftLength: 3, maxNew: 4 },
  ]
  for (const options of settings)
    test(JSON.stringify(options), () => {
      // The longest blocks have thousands of outcomes, too many to compute with tensors.
      for (const quick of options.draftLength < 3 ? [true, false] : [true]) {
        const { target, draft, dispose } = tablePair(3, 20 + options.draftLength, 1, 0.2, quick)
        const decoded = { target, draft, prompt, options }
        const [outcomes, texts] = [everyText(decoded), targetTexts(decoded)]
        expect(worstError(outcomes, texts)).toBeLessThan(1e-12)
        const got = weighted(outcomes.map(({ value, weight }) => ({ value: value.counts, weight })))
        const expected = meanCounts(texts, options.draftLength, options.maxNew)
        expect(got.length).toBe(4 + 2 * options.draftLength)
        for (const [i, count] of got.entries()) expect(Math.abs(count - expected[i]!)).toBeLessThan(1e-12)
        dispose()
      }
    })

  test("a stop rule that ends texts inside blocks", () => {
    const { target, draft, dispose } = tablePair(3, 5, 1, 0.2, true)
    const options = { temperature: 1, draftLength: 2, maxNew: 5 }
    const stop = (tokens: ReadonlyArray<number>) => tokens.at(-2) === 0 && tokens.at(-1) !== 0
    const decoded = { target, draft, prompt, options, stop }
    const texts = targetTexts(decoded)
    expect(texts.filter(({ tokens }) => tokens.length < 5).length).toBeGreaterThan(10)
    expect(worstError(everyText(decoded), texts)).toBeLessThan(1e-12)
    dispose()
  })

  test("p = q accepts everything; disjoint supports accept nothing, and the text is the target's", () => {
    const options = { temperature: 1, draftLength: 2, maxNew: 4 }
    const [low, high] = [
      [0, 1],
      [2, 3],
    ].map((support, i) => tableModel({ V: 4, states: 32, seed: i + 1, support, quick: true }))
    for (const [draft, accepted] of [
      [low!, 1],
      [high!, 0],
    ] as const) {
      const decoded = { target: low!, draft, prompt, options }
      const outcomes = everyText(decoded)
      expect(worstError(outcomes, targetTexts(decoded))).toBeLessThan(1e-12)
      for (const { value, weight } of outcomes) {
        const { accepted: a, rejected: r } = value.counts
        if (weight > 0) expect(a / (a + r)).toBe(accepted)
      }
    }
    for (const model of [low!, high!]) model.dispose()
  })
})

describe("a draft length chosen during decoding", () => {
  for (const temperature of [1, 0.6])
    test(`texts have the target's distribution at temperature ${temperature}, for any lengths`, () => {
      const { target, draft, dispose } = tablePair(3, 21, 1, 0.2, true)
      // At this cost a rejection shortens the next block and an acceptance lengthens it.
      const options = { temperature, draftLength: { most: 3, costRatio: 0.35 }, maxNew: 5, eosId: 2 }
      const decoded = { target, draft, prompt, options }
      const lengths = new Set<number>()
      const outcomes = everyOutcome((chance) => {
        const { rollout, counts } = decodeText(decoded, { chance })
        lengths.add(counts.proposed / counts.blocks)
        return { tokens: rollout.tokens }
      })
      expect(lengths.size).toBeGreaterThan(2)
      const texts = targetTexts(decoded)
      expect(texts.length).toBeGreaterThan(10)
      expect(worstError(outcomes, texts)).toBeLessThan(1e-12)
      dispose()
    })
})
