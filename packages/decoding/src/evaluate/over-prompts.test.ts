import { expect, test } from "bun:test"
import { overPrompts, scaled, speedupInterval } from "./over-prompts.ts"

test("pooled and by prompt; prompts without a denominator count nowhere", () => {
  const figure = overPrompts([
    [1, 2],
    [0, 0],
    [9, 10],
  ])!
  expect(figure.pooled).toBe(10 / 12)
  expect(figure.perPrompt).toBe((0.5 + 0.9) / 2)
  expect(figure.prompts).toBe(2)
  // two prompts: the ends of resampling are the prompts themselves
  expect([figure.low, figure.high]).toEqual([0.5, 0.9])
})

test("no prompt: no figure; one prompt: no interval", () => {
  expect(overPrompts([[0, 0]])).toBe(null)
  expect(overPrompts([[3, 4]])).toEqual({ pooled: 0.75, perPrompt: 0.75, low: null, high: null, prompts: 1 })
})

test("an interval shrinks with the square root of the number of prompts, and covers what all prompts agree on", () => {
  const width = (n: number) => {
    const { low, high } = overPrompts(Array.from({ length: n }, (_, i) => [i % 2, 1]))!
    return high! - low!
  }
  expect(width(400) / width(100)).toBeWithin(0.4, 0.6)
  expect(overPrompts([...Array(9)].map(() => [2, 3] as const))).toMatchObject({ low: 2 / 3, high: 2 / 3 })
})

test("in other units", () => {
  expect(scaled(overPrompts([[3, 4]]), 2)).toEqual({ pooled: 1.5, perPrompt: 1.5, low: null, high: null, prompts: 1 })
  expect(scaled(null, 2)).toBe(null)
})

test("speed-up: rounds share their resampled prompts, so a slow round does not widen the interval", () => {
  const round = [1, 1.2, 1.4, 1.1, 1.3]
  const one = speedupInterval([round])
  expect(speedupInterval([round, round.map((x) => x / 4), round])).toEqual(one)
  expect([one.low! >= 1, one.high! <= 1.4, one.low! < one.high!]).toEqual([true, true, true])
  expect(speedupInterval([[2], [3]])).toEqual({ low: null, high: null })
})
