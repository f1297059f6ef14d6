import { expect, test } from "bun:test"
import { spearman } from "./spearman.ts"

test("the same order is 1, the reverse -1, whatever the distances", () => {
  expect(spearman([1, 2, 3], [10, 20, 9000])).toBe(1)
  expect(spearman([1, 2, 3], [3, 2, -1])).toBe(-1)
})

test("without ties it is 1 - 6 sum d^2 / (n (n^2 - 1))", () => {
  // Ranks 1 2 3 4 5 against 2 1 4 3 5: d^2 is 1 four times.
  expect(spearman([1, 2, 3, 4, 5], [20, 10, 40, 30, 50])).toBeCloseTo(1 - (6 * 4) / (5 * 24), 12)
})

test("equal numbers share the mean of their ranks", () => {
  // Ranks 1.5 1.5 3 against 1 2 3, about their mean of 2: xy = 0.5 + 0 + 1, xx = 0.25 + 0.25 + 1, yy = 2.
  expect(spearman([5, 5, 9], [1, 2, 3])).toBeCloseTo(1.5 / Math.sqrt(1.5 * 2), 12)
  // scipy.stats.spearmanr([12, 2, 1, 12, 2], [1, 4, 7, 1, 0])
  expect(spearman([12, 2, 1, 12, 2], [1, 4, 7, 1, 0])).toBeCloseTo(-0.5407380704358752, 12)
})

test("lists without an order have no correlation; faulty lists are refused", () => {
  expect(spearman([1, 1, 1], [1, 2, 3])).toBeNaN()
  expect(spearman([1], [1])).toBeNaN()
  expect(spearman([], [])).toBeNaN()
  expect(() => spearman([1, Number.NaN], [1, 2])).toThrow(/NaN/)
  expect(() => spearman([1, 2], [1])).toThrow("lists of 2 and 1 numbers")
})
