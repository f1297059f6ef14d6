import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { quantile } from "./quantile.ts"
import { countKept, minus, topFraction } from "./top-fraction.ts"

const losses = fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 1, maxLength: 100 })
const ratio = fc.double({ min: 0.001, max: 1, noNaN: true })
const order = fc.constantFrom("top" as const, "bottom" as const)

describe("for any values", () => {
  test("keeps the values on the kept side of the quantile, ties included, and at least one", () => {
    fc.assert(
      fc.property(losses, ratio, order, (xs, k, end) => {
        const kept_N = topFraction(xs, k, end)
        const threshold = quantile(xs, end === "top" ? 1 - k : k)
        expect([...kept_N]).toEqual(xs.map((x) => ((end === "top" ? x >= threshold : x <= threshold) ? 1 : 0)))
        expect(countKept(kept_N)).toBeGreaterThan(0)
        expect(countKept(kept_N)).toBeGreaterThanOrEqual(Math.floor(k * (xs.length - 1)))
      }),
      { numRuns: 300, seed: 2 },
    )
  })

  test("no dropped value is better than a kept one", () => {
    fc.assert(
      fc.property(losses, ratio, order, (xs, k, end) => {
        const kept_N = topFraction(xs, k, end)
        const sign = end === "top" ? 1 : -1
        const kept = xs.filter((_, i) => kept_N[i] === 1).map((x) => sign * x)
        const dropped = xs.filter((_, i) => kept_N[i] === 0).map((x) => sign * x)
        expect(Math.min(...kept)).toBeGreaterThan(Math.max(Number.NEGATIVE_INFINITY, ...dropped))
      }),
      { numRuns: 300, seed: 3 },
    )
  })

  test("bottom of x is top of -x", () => {
    fc.assert(
      // k in quarters makes 1 - k exact, so both thresholds lie at mirrored places.
      fc.property(losses, fc.constantFrom(0.25, 0.5, 0.75, 1), (xs, k) => {
        expect(topFraction(xs, k, "bottom")).toEqual(
          topFraction(
            xs.map((x) => -x),
            k,
            "top",
          ),
        )
      }),
      { numRuns: 300, seed: 4 },
    )
  })
})

test("edge cases: one value, all equal, k = 1, a tiny k", () => {
  expect([...topFraction([7], 0.4)]).toEqual([1])
  expect([...topFraction([2, 2, 2], 0.1)]).toEqual([1, 1, 1])
  expect([...topFraction([3, 1, 2], 1)]).toEqual([1, 1, 1])
  expect([...topFraction([3, 1, 2], 1, "bottom")]).toEqual([1, 1, 1])
  expect([...topFraction([3, 1, 2], 1e-9)]).toEqual([1, 0, 0])
  expect([...topFraction([3, 1, 2], 1e-9, "bottom")]).toEqual([0, 1, 0])
})

test("ratios outside (0, 1] and NaN are refused", () => {
  for (const k of [0, -1, 1.5, Number.NaN]) expect(() => topFraction([1], k)).toThrow(/expected above 0 and at most 1/)
  expect(() => topFraction([1, Number.NaN], 1)).toThrow(/\[1\] is NaN/)
})

test("minus is in single precision", () => {
  expect([...minus(Float32Array.of(3, 1), Float32Array.of(1, 4))]).toEqual([2, -3])
})
