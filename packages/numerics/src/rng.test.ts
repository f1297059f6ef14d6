import { expect, test } from "bun:test"
import { normals, permutation, seeded } from "./rng.ts"
import { mean, variance } from "./summary.ts"

const draws = (n: number, ...path: ReadonlyArray<string | number>) => {
  const rng = seeded(7, ...path)
  return Float64Array.from({ length: n }, rng.uniform)
}

test("a seed and a path fix the stream; any other path is another stream", () => {
  expect(draws(5, "arm", 1)).toEqual(draws(5, "arm", 1))
  const firsts = new Set(["a", "b", "arm", 0, 1, 2, "1", "2"].map((name) => draws(1, name)[0]))
  expect(firsts.size).toBe(8)
  expect(draws(1, "a", "b")[0]).not.toBe(draws(1, "ab")[0])
})

test("uniform is in [0, 1), with its mean, variance and no serial correlation", () => {
  const xs = draws(20_000, "uniform")
  expect(Math.min(...xs)).toBeGreaterThanOrEqual(0)
  expect(Math.max(...xs)).toBeLessThan(1)
  // Four standard errors of each figure at n = 20 000.
  expect(Math.abs(mean(xs) - 1 / 2)).toBeLessThan(0.0082)
  expect(Math.abs(variance(xs) - 1 / 12)).toBeLessThan(0.0022)
  const lagged = mean(xs.subarray(1).map((x, i) => (x - 0.5) * (xs[i]! - 0.5))) * 12
  expect(Math.abs(lagged)).toBeLessThan(0.029)
})

test("streams of neighbouring steps are not correlated", () => {
  const n = 2000
  const first = Float64Array.from({ length: n }, (_, step) => draws(1, "step", step)[0]!)
  expect(Math.abs(mean(first) - 0.5)).toBeLessThan(0.026)
  const lagged = mean(first.subarray(1).map((x, i) => (x - 0.5) * (first[i]! - 0.5))) * 12
  expect(Math.abs(lagged)).toBeLessThan(0.09)
})

test("normals: mean, variance, and an odd count", () => {
  const xs = normals(20_001, 2, seeded(1))
  expect(Math.abs(mean(xs))).toBeLessThan(0.057)
  expect(Math.abs(variance(xs) - 4)).toBeLessThan(0.16)
  const one = seeded(2)
  expect(Math.abs(variance(Float64Array.from({ length: 20_000 }, one.normal)) - 1)).toBeLessThan(0.04)
})

test("permutation: each order of three occurs equally often", () => {
  const counts = new Map<string, number>()
  for (let seed = 0; seed < 6000; seed++) {
    const order = permutation(3, seeded(seed)).join("")
    counts.set(order, (counts.get(order) ?? 0) + 1)
  }
  expect(counts.size).toBe(6)
  // Standard deviation of a count is 29.
  for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(130)
  expect(permutation(0, seeded(1)).length).toBe(0)
})
