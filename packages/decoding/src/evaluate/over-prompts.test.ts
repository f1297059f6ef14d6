import { expect, test } from "bun:test"
import { overPrompts, scaled, speedupInterval } from "./over-prompts.ts"

test("pooled and by prompt; prompts without a denominator count nowhere", () => {
  const pairs = [
    [1, 2],
    [0, 0],
    [9, 10],
  ] as const
  const figure = overPrompts(pairs)!
  expect(figure.pooled).toBe(10 / 12)
  expect(figure.perPrompt).toBe((0.5 + 0.9) / 2)
  expect(figure.prompts).toBe(2)
  // z = (1 - 2 R) / 6, (9 - 10 R) / 6 = -1/9, 1/9: an error of 1/9, times t(1) = 12.7; cut at 0, and at 1 where that is the most
  expect(figure.low).toBe(0)
  expect(figure.high).toBeCloseTo(10 / 12 + 12.7062047 / 9, 6)
  expect(overPrompts(pairs, [0, 1])!.high).toBe(1)
})

test("no prompt: no figure; one prompt: no interval", () => {
  expect(overPrompts([[0, 0]])).toBe(null)
  expect(overPrompts([[3, 4]])).toEqual({ pooled: 0.75, perPrompt: 0.75, low: null, high: null, prompts: 1 })
})

test("an interval shrinks with the square root of the number of prompts, and there is none if all prompts agree", () => {
  const width = (n: number) => {
    const { low, high } = overPrompts(Array.from({ length: n }, (_, i) => [i % 2, 1]))!
    return high! - low!
  }
  expect(width(400) / width(100)).toBeWithin(0.4, 0.6)
  expect(overPrompts([...Array(9)].map(() => [2, 3] as const))).toMatchObject({ pooled: 2 / 3, low: null, high: null })
})

test("in other units", () => {
  expect(scaled(overPrompts([[3, 4]]), 2)).toEqual({ pooled: 1.5, perPrompt: 1.5, low: null, high: null, prompts: 1 })
  expect(scaled(null, 2)).toBe(null)
})

test("speed-up: a prompt counts by its median over rounds, so a slow round does not widen the interval", () => {
  const round = [1, 1.2, 1.4, 1.1, 1.3]
  const one = speedupInterval([round])
  expect(speedupInterval([round, round.map((x) => x / 4), round])).toEqual(one)
  // The middle value with as much to either side.
  expect([one.low! < 1.2, one.high! > 1.2]).toEqual([true, true])
  expect(one.low! + one.high!).toBeCloseTo(2.4, 12)
  expect(speedupInterval([[2], [3]])).toEqual({ low: null, high: null })
})
