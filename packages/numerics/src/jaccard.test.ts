import { expect, test } from "bun:test"
import { chanceJaccard, jaccard, overlapOf } from "./jaccard.ts"
import { permutation, seeded } from "./rng.ts"

test("two sets by hand: two tokens in both, of four in either", () => {
  const overlap = overlapOf([1, 1, 0, 1, 0, 0], [1, 0, 0.5, 1, 0, 0])
  expect(overlap).toEqual({ N: 6, a: 3, b: 3, both: 2 })
  expect(jaccard(overlap)).toBe(0.5)
  // Chance: 3 x 3 / 6 in both, 4.5 in either.
  expect(chanceJaccard(overlap)).toBeCloseTo(1 / 3, 12)
})

test("equal sets overlap fully, sets without a common token not at all, empty sets have no overlap", () => {
  expect(jaccard(overlapOf([0, 1, 1], [0, 1, 1]))).toBe(1)
  expect(jaccard(overlapOf([1, 0, 0], [0, 1, 1]))).toBe(0)
  expect(jaccard(overlapOf([0, 0], [0, 0]))).toBeNaN()
  expect(() => overlapOf([1], [1, 0])).toThrow("sets of 1 and 2 tokens")
})

test("two sets of k N tokens overlap by k / (2 - k) under chance: 0.25 at 0.4, all of it at 1", () => {
  expect(chanceJaccard({ N: 1000, a: 400, b: 400 })).toBeCloseTo(0.4 / 1.6, 12)
  expect(chanceJaccard({ N: 7, a: 7, b: 7 })).toBe(1)
  expect(chanceJaccard({ N: 10, a: 5, b: 10 })).toBe(0.5)
})

test("random sets have that overlap on average, of unequal sizes too", () => {
  const [N, a, b] = [200, 80, 120]
  const rng = seeded(4, "sets")
  const set = (size: number) => {
    const kept_N = new Uint8Array(N)
    for (const n of permutation(N, rng).subarray(0, size)) kept_N[n] = 1
    return kept_N
  }
  const all = Array.from({ length: 400 }, () => jaccard(overlapOf(set(a), set(b))))
  expect(all.reduce((x, y) => x + y) / all.length).toBeCloseTo(chanceJaccard({ N, a, b }), 2)
})
