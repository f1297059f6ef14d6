import { describe, expect, test } from "bun:test"
import { bootstrap, pairedBootstrap } from "./bootstrap.ts"
import { seeded } from "./rng.ts"
import { mean, standardDeviation, variance } from "./summary.ts"

const rng = () => seeded(1, "bootstrap")

test("a 95 % interval holds the truth about 95 times in 100", () => {
  let held = 0
  const trials = 300
  for (let trial = 0; trial < trials; trial++) {
    const data = seeded(trial, "data")
    const xs = Float64Array.from({ length: 40 }, () => 2 + data.normal())
    const { low, high } = bootstrap(40, (at) => mean(Float64Array.from(at, (i) => xs[i]!)), {
      rng: seeded(trial, "resample"),
      resamples: 400,
    })
    if (low <= 2 && 2 <= high) held++
  }
  // The percentile interval of 40 normal values covers about 93.5 %; standard deviation of the count's share 1.4 %.
  expect(held / trials).toBeGreaterThan(0.89)
  expect(held / trials).toBeLessThan(0.985)
})

describe("paired", () => {
  const data = seeded(2, "pairs")
  const hard = Float64Array.from({ length: 50 }, () => 10 * data.normal())
  const a = hard.map((x) => x + 0.5 + 0.1 * data.normal())

  test("what the arms share cancels: the interval is far narrower than unpaired", () => {
    const { value, low, high } = pairedBootstrap(a, hard, { rng: rng() })
    expect(value).toBeCloseTo(0.5, 1)
    expect(high - low).toBeLessThan(0.1)
    expect(low).toBeLessThan(value)
    expect(high).toBeGreaterThan(value)
  })
  test("the same seed gives the same interval, another seed nearly the same", () => {
    const first = pairedBootstrap(a, hard, { rng: rng() })
    expect(pairedBootstrap(a, hard, { rng: rng() })).toEqual(first)
    const other = pairedBootstrap(a, hard, { rng: seeded(9) })
    expect(other).not.toEqual(first)
    expect(Math.abs(other.low - first.low)).toBeLessThan(0.02)
  })
  test("a wider level gives a wider interval", () => {
    const narrow = pairedBootstrap(a, hard, { rng: rng(), level: 0.5 })
    const wide = pairedBootstrap(a, hard, { rng: rng(), level: 0.99 })
    expect(wide.high - wide.low).toBeGreaterThan(narrow.high - narrow.low)
  })
  test("lengths must agree", () => {
    expect(() => pairedBootstrap([1, 2], [1], { rng: rng() })).toThrow(/2 and 1 values/)
  })
})

test("one unit has no interval; none is an error", () => {
  expect(bootstrap(1, () => 3, { rng: rng() })).toEqual({ value: 3, low: Number.NaN, high: Number.NaN })
  expect(() => bootstrap(0, () => 3, { rng: rng() })).toThrow(/0 units/)
})

test("mean, variance", () => {
  expect(mean([1, 2, 3, 6])).toBe(3)
  expect(variance([1, 2, 3, 6])).toBeCloseTo(14 / 3, 12)
  expect(standardDeviation([1, 1, 1])).toBe(0)
  expect(mean([])).toBeNaN()
  expect(variance([1])).toBeNaN()
})
