import { expect, test } from "bun:test"
import { bootstrapInterval } from "./bootstrap.ts"
import { seeded } from "./rng.ts"

test("the interval of a mean has the width of its standard error", () => {
  const rng = seeded(1, "bootstrap test")
  const x = Array.from({ length: 200 }, () => rng.normal())
  const mean = (items: ReadonlyArray<number>) => items.reduce((sum, i) => sum + x[i]!, 0) / items.length
  const { low, high, kept } = bootstrapInterval(x.length, mean)!
  const all = mean(x.map((_, i) => i))
  const error = Math.sqrt(x.reduce((s, v) => s + (v - all) ** 2, 0)) / 200
  expect(kept).toBe(2000)
  expect((high - low) / (2 * 1.96 * error)).toBeWithin(0.93, 1.07)
  expect([low < all, all < high]).toEqual([true, true])
  expect(bootstrapInterval(x.length, mean)).toEqual({ low, high, kept })
})

test("draws without a statistic are left out, and with too few others there is no interval", () => {
  const first = (items: ReadonlyArray<number>) => (items.includes(0) ? items.length : Number.NaN)
  expect(bootstrapInterval(3, first)).toMatchObject({ low: 3, high: 3 })
  expect(bootstrapInterval(3, first)!.kept).toBeWithin(1200, 1600) // 1 - (2/3)^3 of 2000
  expect(bootstrapInterval(3, () => Number.NaN)).toBe(null)
})
