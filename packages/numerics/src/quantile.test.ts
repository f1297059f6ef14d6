import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { NotFinite, quantile } from "./quantile.ts"

/** The quantile by sorting, as its definition reads. */
const naive = (values: ArrayLike<number>, q: number) => {
  const sorted = Array.from(values).sort((a, b) => a - b)
  const place = q * (sorted.length - 1)
  const below = sorted[Math.floor(place)]!
  const above = sorted[Math.ceil(place)]!
  return below + (above - below) * (place - Math.floor(place))
}

/** Few distinct values, so that ties are common. */
const values = fc.oneof(
  fc.array(fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }), { minLength: 1, maxLength: 200 }),
  fc.array(fc.integer({ min: -2, max: 2 }), { minLength: 1, maxLength: 200 }),
)

test("equals the quantile by sorting", () => {
  fc.assert(
    fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (xs, q) => {
      const expected = naive(xs, q)
      expect(Math.abs(quantile(Float32Array.from(xs), q) - naive(Float32Array.from(xs), q))).toBeLessThanOrEqual(
        1e-6 * (1 + Math.abs(expected)),
      )
    }),
    { numRuns: 500, seed: 1 },
  )
})

test("equals torch.quantile", () => {
  // torch.quantile(torch.tensor([3., 1., 4., 1., 5.]), q)
  const xs = Float32Array.of(3, 1, 4, 1, 5)
  expect([0, 0.25, 0.5, 0.6, 0.75, 1].map((q) => quantile(xs, q))).toEqual(
    [1, 1, 3, 3.4, 4, 5].map((x) => expect.closeTo(x, 12)),
  )
})

test("a place within rounding of a rank counts as that rank", () => {
  const xs = Float64Array.from({ length: 11 }, (_, i) => i)
  expect(1 - 0.9).not.toBe(0.1)
  expect(quantile(xs, 1 - 0.9)).toBe(1)
  expect(quantile(xs, 0.7)).toBe(7)
})

test("does not reorder its input", () => {
  const xs = Float32Array.of(3, 1, 2)
  quantile(xs, 0.5)
  expect([...xs]).toEqual([3, 1, 2])
})

test("linear time with many ties", () => {
  const xs = new Float32Array(200_000).map((_, i) => i % 3)
  const start = performance.now()
  expect(quantile(xs, 0.5)).toBe(1)
  expect(performance.now() - start).toBeLessThan(1000)
})

describe("refuses", () => {
  test("nothing", () => expect(() => quantile([], 0.5)).toThrow(/0 values/))
  test("a place outside [0, 1]", () => {
    for (const q of [-0.1, 1.1, Number.NaN]) expect(() => quantile([1], q)).toThrow(/expected 0 to 1/)
  })
  test("NaN and infinities, by index", () => {
    for (const x of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(() => quantile([0, x], 0.5)).toThrow(NotFinite)
      expect(() => quantile([0, x], 0.5)).toThrow(`values[1] is ${x}`)
    }
  })
})
