import { expect, test } from "bun:test"
import { kendallTau } from "./kendall.ts"

test("the same order is 1, the reverse -1, one pair exchanged of four items 2/3", () => {
  expect(kendallTau([1, 2, 3], [10, 20, 90])).toBe(1)
  expect(kendallTau([1, 2, 3], [3, 2, 1])).toBe(-1)
  expect(kendallTau([1, 2, 3, 4], [1, 2, 4, 3])).toBeCloseTo(4 / 6, 12)
})

test("ties count in neither sum, and shorten the pairs of their own list", () => {
  // pairs: (1,2) tied in b; (1,3) and (2,3) concordant: 2 / sqrt(3 2)
  expect(kendallTau([1, 2, 3], [5, 5, 9])).toBeCloseTo(2 / Math.sqrt(6), 12)
  // scipy.stats.kendalltau([12, 2, 1, 12, 2], [1, 4, 7, 1, 0])
  expect(kendallTau([12, 2, 1, 12, 2], [1, 4, 7, 1, 0])).toBeCloseTo(-0.47140452079103173, 12)
})

test("lists without an order have no correlation", () => {
  expect(kendallTau([1, 1, 1], [1, 2, 3])).toBeNaN()
  expect(kendallTau([1], [1])).toBeNaN()
  expect(kendallTau([], [])).toBeNaN()
})

test("NaN, infinities and lists of different lengths are refused", () => {
  expect(() => kendallTau([1, Number.NaN], [1, 2])).toThrow(/NaN/)
  expect(() => kendallTau([1, 2], [1, Number.POSITIVE_INFINITY])).toThrow(/Infinity/)
  expect(() => kendallTau([1, 2], [1])).toThrow("lists of 2 and 1 numbers")
})
