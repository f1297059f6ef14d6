import { describe, expect, test } from "bun:test"
import { readSelection } from "@winnow/core"
import { countKept, seeded } from "@winnow/numerics"
import { checkFilter, instanceOf, randomFilterInput } from "@winnow/testing"
import { inclusion, systematic } from "./inclusion.ts"
import { unbiased } from "./index.ts"

describe("keeps the laws", () => {
  for (const k of [0.01, 0.4, 1]) test(`k = ${k}`, () => checkFilter(unbiased({ k }), { refusesNotFinite: true }))
})

const total = (pi_N: Float64Array) => pi_N.reduce((a, b) => a + b, 0)

test("probabilities by hand: scores 0 1 1 4, sum 2, floor 0.1", () => {
  // c = 0.45: 0.1, 0.45, 0.45, 1
  const pi_N = inclusion(Float32Array.of(0, 1, 1, 4), 2, 0.1)
  for (const [n, pi] of [0.1, 0.45, 0.45, 1].entries()) expect(pi_N[n]!).toBeCloseTo(pi, 9)
})

test("probabilities sum to the given number, between 0 and 1, and rise with the score", () => {
  const rng = seeded(1, "inclusion")
  for (const N of [1, 2, 5, 200])
    for (const k of [0.05, 0.4, 0.9, 1])
      for (const zeros of [0, 0.5, 1]) {
        const scores_N = Float32Array.from({ length: N }, () => (rng.uniform() < zeros ? 0 : 3 * rng.uniform()))
        const sum = Math.max(1, k * N)
        const pi_N = inclusion(scores_N, sum, 0.1)
        expect(total(pi_N)).toBeCloseTo(sum, 6)
        for (const [n, pi] of pi_N.entries()) {
          expect(pi).toBeGreaterThan(0)
          expect(pi).toBeLessThanOrEqual(1)
          for (const [m, other] of pi_N.entries())
            if (scores_N[n]! > scores_N[m]!) expect(pi).toBeGreaterThanOrEqual(other - 1e-9)
        }
      }
})

test("each token is kept with its chance, exactly: the whole range of the draw", () => {
  const pi_N = inclusion(Float32Array.of(0, 1, 1, 4, 2), 2.5, 0.1)
  const draws = 20_000
  const mean_N = new Float64Array(5)
  for (let i = 0; i < draws; i++)
    for (const [n, w] of systematic(pi_N, (i + 0.5) / draws).entries()) mean_N[n] = mean_N[n]! + w / draws
  for (const mean of mean_N) expect(mean).toBeCloseTo(1, 2)
})

test("about k N tokens are kept, divided by all", async () => {
  const filter = await instanceOf(unbiased({ k: 0.25 }))
  const { weights_N, divideBy } = readSelection(filter.select(randomFilterInput(400, 1)))
  expect(countKept(weights_N)).toBeGreaterThanOrEqual(100)
  expect(countKept(weights_N)).toBeLessThanOrEqual(101)
  expect(divideBy).toBe("valid")
})
