import { expect, test } from "bun:test"
import { centredStates, covarianceOf, statesByClass } from "./score-states.ts"

test("states by class, ascending; a class may be empty", () => {
  const lists = statesByClass(Int32Array.of(2, 0, 2, 0, 0), 4)
  expect(lists.map((list) => [...list])).toEqual([[1, 3, 4], [], [0, 2], []])
})

// Two dimensions: 1, 3, 5 of variance 8/3, and 10, 10, 10.
const h_Nd = Float32Array.of(1, 10, 3, 10, 5, 10)

test("scales: as they are, by one number, by each dimension's; a constant dimension is 0", () => {
  expect([...centredStates(h_Nd, 3, 2, "none")]).toEqual([-2, 0, 0, 0, 2, 0])
  const rms = Math.sqrt(8 / 3 / 2)
  expect(centredStates(h_Nd, 3, 2, "rms")[0]).toBeCloseTo(-2 / rms, 12)
  const standard = centredStates(h_Nd, 3, 2, "standard")
  expect(standard[4]).toBeCloseTo(2 / Math.sqrt(8 / 3), 12)
  expect([standard[1], standard[3], standard[5]]).toEqual([0, 0, 0])
})

test("a dimension that differs by rounding alone is 0 on the standard scale, and no scale of zeros is NaN", () => {
  const rounded = Float32Array.of(1000, 1, 1000.0001, 2)
  expect(rounded[2]).not.toBe(1000)
  const x = centredStates(rounded, 2, 2, "standard")
  expect([x[0], x[2], x[1]]).toEqual([0, 0, -1].map((v) => (v === 0 ? expect.closeTo(0, 12) : v)))
  for (const scale of ["none", "rms", "standard"] as const)
    expect([...centredStates(new Float32Array(4), 2, 2, scale)].every((v) => v === 0)).toBe(true)
})

test("the covariance, 1 / N, symmetric", () => {
  const x = centredStates(Float32Array.of(0, 0, 2, 4, 4, 2), 3, 2, "none")
  // Deviations (-2, -2), (0, 2), (2, 0).
  expect([...covarianceOf(x, 3, 2)].map((v) => Math.round(v * 3))).toEqual([8, 4, 4, 8])
})
