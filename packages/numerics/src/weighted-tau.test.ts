import { expect, test } from "bun:test"
import { weightedTau } from "./weighted-tau.ts"

test("an exchange at the top costs more than one at the bottom", () => {
  expect(weightedTau([1, 2, 3], [10, 20, 90])).toBe(1)
  expect(weightedTau([1, 2, 3], [3, 2, 1])).toBe(-1)
  // Weights of four items by rank: 1, 1/2, 1/3, 1/4. All pairs: 3 (1 + 1/2 + 1/3 + 1/4) = 6.25. The lowest two exchanged: 6.25 - 2 (7/12).
  expect(weightedTau([1, 2, 3, 4], [2, 1, 3, 4])).toBeCloseTo((6.25 - 7 / 6) / 6.25, 12)
  expect(weightedTau([1, 2, 3, 4], [1, 2, 4, 3])).toBeCloseTo((6.25 - 3) / 6.25, 12)
})

test("ties, as scipy.stats.weightedtau has them", () => {
  expect(weightedTau([12, 2, 1, 12, 2], [1, 4, 7, 1, 0])).toBeCloseTo(-0.5669496815368272, 12)
  expect(weightedTau([1, 1, 2, 3], [4, 4, 1, 2])).toBeCloseTo(-0.6124871001031988, 12)
  expect(weightedTau([5, 1, 4, 2, 3, 3], [1, 2, 2, 4, 6, 5])).toBeCloseTo(-0.32697144249318083, 12)
})

test("lists without an order have no correlation; NaN and lists of different lengths are refused", () => {
  expect(weightedTau([1, 1, 1], [1, 2, 3])).toBeNaN()
  expect(weightedTau([1], [1])).toBeNaN()
  expect(() => weightedTau([1, Number.NaN], [1, 2])).toThrow(/NaN/)
  expect(() => weightedTau([1, 2], [1])).toThrow("lists of 2 and 1 numbers")
})
