import { expect, test } from "bun:test"
import { seeded } from "@winnow/numerics"
import { type Cells, difference, interval, intervalText } from "./statistics.ts"

/** Coins of chance p: [S][P] heads of 20. */
const coins = (p: number, S: number, P: number, path: string): Cells => {
  const rng = seeded(3, path)
  const heads = () => Array.from({ length: 20 }, () => rng.uniform() < p).filter(Boolean).length
  return Array.from({ length: S }, () => Array.from({ length: P }, () => [heads(), 20] as const))
}

test("the value is the pooled ratio, and the interval has about the width that theory gives", () => {
  const { value, low, high } = interval([
    [
      [1, 2],
      [30, 40],
    ],
  ])
  expect(value).toBeCloseTo(31 / 42, 12)
  expect(low).toBeGreaterThanOrEqual(0.5)
  expect(high).toBeLessThanOrEqual(0.75)
  const wide = interval(coins(0.6, 1, 400, "one"))
  const theory = 2 * 1.96 * Math.sqrt((0.6 * 0.4) / (400 * 20))
  expect(wide.high - wide.low).toBeGreaterThan(0.8 * theory)
  expect(wide.high - wide.low).toBeLessThan(1.25 * theory)
})

test("a difference of arms that share their prompts is narrower than their intervals", () => {
  const hard = Array.from({ length: 50 }, (_, i) => (i % 2 === 0 ? 4 : 16))
  const a: Cells = [hard.map((h) => [h + 2, 20] as const)]
  const b: Cells = [hard.map((h) => [h, 20] as const)]
  const d = difference(a, b)
  expect(d.value).toBeCloseTo(0.1, 12)
  expect(d.high - d.low).toBeLessThan(1e-9)
  expect(interval(a).high - interval(a).low).toBeGreaterThan(0.1)
  expect(difference(a, a)).toEqual({ value: 0, low: 0, high: 0 })
  expect(() => difference(a, [...b, ...b])).toThrow("expected the same seeds and prompts")
})

test("an interval is called what it is: prompts alone, the seeds' range, or 95 %", () => {
  expect(intervalText(1)).toBe("95 %, percentile bootstrap over prompts; one seed, so nothing is said of other seeds")
  for (const seeds of [2, 3, 4])
    expect(intervalText(seeds)).toBe(
      `percentile bootstrap over ${seeds} seeds and prompts: about the seeds' range, not a 95 % statement about new seeds`,
    )
  for (const seeds of [5, 20]) expect(intervalText(seeds)).toBe("95 %, percentile bootstrap over seeds and prompts")
})

test("with two seeds the interval is about their range, as its text says", () => {
  const seed = (accepted: number) => Array.from({ length: 200 }, () => [accepted, 20] as const)
  expect(interval([seed(10), seed(14)])).toEqual({ value: 0.6, low: 0.5, high: 0.7 })
})
