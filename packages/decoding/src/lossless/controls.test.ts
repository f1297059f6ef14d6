/**
 * Negative controls: four flaws of public implementations, each put into the production session. With each flaw the
 * exact enumeration and the test on sampled 4-grams must both fail; without a flaw both pass.
 */
import { describe, expect, test } from "bun:test"
import {
  everyText,
  FLAW_TEMPERATURE,
  type Flaw,
  flaws,
  nGramExcess,
  noFlaw,
  tablePair,
  targetTexts,
  worstError,
} from "@winnow/testing"

const options = { temperature: FLAW_TEMPERATURE, draftLength: 2, maxNew: 4 }
const seeds = [1, 2, 3, 4]

/** The largest error of a probability. */
const exactly = (seed: number, { verify, fault }: Flaw): number => {
  const { target, draft, dispose } = tablePair(3, seed, 1, 0, true)
  const decoded = { target, draft, prompt: [1, 0], options }
  const error = worstError(everyText(decoded, { ...fault, ...(verify && { verify }) }), targetTexts(decoded))
  dispose()
  return error
}
/** The statistic over its critical value. */
const sampled = (seed: number, flaw: Flaw): number => {
  const { target, draft, dispose } = tablePair(4, seed, 1, 0, true)
  const excess = nGramExcess({ target, draft, prompt: [1, 3], options }, 4000, seed, flaw)
  dispose()
  return excess
}

describe("the exact enumeration", () => {
  test("passes without a flaw", () => {
    for (const seed of seeds) expect(exactly(seed, noFlaw)).toBeLessThan(1e-12)
  })
  for (const [name, flaw] of Object.entries(flaws))
    test(`fails by ${name}`, () => {
      for (const seed of seeds) expect(exactly(seed, flaw)).toBeGreaterThan(1e-4)
    })
})

describe("the test on sampled 4-grams", () => {
  test("passes without a flaw", () => {
    for (const seed of seeds) expect(sampled(seed, noFlaw)).toBeLessThan(1)
  })
  for (const [name, flaw] of Object.entries(flaws))
    test(`fails by ${name}`, () => {
      for (const seed of seeds) expect(sampled(seed, flaw)).toBeGreaterThan(1)
    })
})
