import { expect, test } from "bun:test"
import { correlation, midRanks, partialRankCorrelation } from "./ranks.ts"
import { seeded } from "./rng.ts"

test("equal items share the mean of their ranks", () => {
  expect([...midRanks([30, 10, 20])]).toEqual([3, 1, 2])
  expect([...midRanks([5, 1, 5, 5, 0])]).toEqual([4, 2, 4, 4, 1])
  expect([...midRanks([])]).toEqual([])
})

test("Pearson's correlation", () => {
  expect(correlation([1, 2, 3], [2, 4, 6])).toBeCloseTo(1, 12)
  expect(correlation([1, 2, 3], [1, 3, 2])).toBeCloseTo(0.5, 12)
  expect(correlation([1, 1], [1, 2])).toBeNaN()
})

/** The residuals of a regression of y on x with a constant, the slow way. */
const residuals = (y: Float64Array, x: Float64Array) => {
  const mean = (v: Float64Array) => v.reduce((a, b) => a + b, 0) / v.length
  const [mx, my] = [mean(x), mean(y)]
  const slope = x.reduce((s, v, i) => s + (v - mx) * (y[i]! - my), 0) / x.reduce((s, v) => s + (v - mx) ** 2, 0)
  return y.map((v, i) => v - my - slope * (x[i]! - mx))
}

test("partial: the correlation of the residuals of ranks", () => {
  const rng = seeded(1, "partial")
  const draw = () => Array.from({ length: 18 }, () => rng.normal())
  const c = draw()
  const a = draw().map((x, i) => x + c[i]!)
  const b = draw().map((x, i) => x + c[i]! + 0.5 * a[i]!)
  const slow = correlation(residuals(midRanks(a), midRanks(c)), residuals(midRanks(b), midRanks(c)))
  expect(partialRankCorrelation(a, b, c)).toBeCloseTo(slow, 10)
})

test("a variable that c determines has no partial correlation", () => {
  expect(partialRankCorrelation([1, 2, 3, 4], [2, 1, 4, 3], [10, 20, 30, 40])).toBeNaN()
  expect(partialRankCorrelation([1, 1, 1], [2, 1, 4], [1, 3, 2])).toBeNaN()
})
