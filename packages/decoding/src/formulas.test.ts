import { expect, test } from "bun:test"
import { expectedBlockEfficiency, expectedOperations, expectedSpeedup, mbsu, secondsPerToken } from "./formulas.ts"

test("the table of Leviathan et al.: speed-up and operations without draft cost", () => {
  const table = [
    [0.6, 2, 1.96, 1.53],
    [0.7, 3, 2.53, 1.58],
    [0.8, 5, 3.69, 1.63],
    [0.9, 10, 6.86, 1.6],
  ] as const
  for (const [alpha, gamma, speed, operations] of table) {
    expect(expectedSpeedup(alpha, gamma, 0)).toBeCloseTo(speed, 2)
    expect(expectedOperations(alpha, gamma, 0)).toBeCloseTo(operations, 2)
  }
})

test("their predictions for T5: speed-up from alpha, gamma and c", () => {
  for (const [alpha, gamma, c, predicted] of [
    [0.75, 7, 0.02, 3.2],
    [0.62, 7, 0.02, 2.3],
    [0.8, 7, 0.04, 3.3],
    [0.82, 7, 0.11, 2.5],
  ] as const)
    expect(expectedSpeedup(alpha, gamma, c)).toBeCloseTo(predicted, 1)
})

test("limits: alpha 1 gives gamma + 1, alpha 0 and gamma 0 give 1; equal to the quotient in between", () => {
  expect(expectedBlockEfficiency(1, 4)).toBe(5)
  expect(expectedBlockEfficiency(0, 4)).toBe(1)
  expect(expectedBlockEfficiency(0.5, 0)).toBe(1)
  expect(expectedBlockEfficiency(0.3, 6)).toBeCloseTo((1 - 0.3 ** 7) / 0.7, 14)
  // Corollary 3.9: at gamma 1 the gain is (1 + alpha) / (1 + c).
  expect(expectedSpeedup(0.4, 1, 0.1)).toBeCloseTo(1.4 / 1.1, 14)
})

test("MBSU and the time of a token", () => {
  expect(mbsu(3, 4, 0.05)).toBeCloseTo(2.5, 14)
  expect(secondsPerToken(2.5, 4, 0.06, 0.01)).toBeCloseTo(0.04, 14)
})
