import { expect, test } from "bun:test"
import { studentCdf, studentQuantile, sumQuantile } from "./student-t.ts"

test("quantiles are those of the tables", () => {
  // Abramowitz and Stegun, table 26.10
  for (const [nu, t] of [
    [1, 12.706],
    [2, 4.303],
    [3, 3.182],
    [4, 2.776],
    [7, 2.365],
    [30, 2.042],
    [120, 1.98],
  ] as const)
    expect(studentQuantile(0.975, nu)).toBeCloseTo(t, 3)
  expect(studentQuantile(0.995, 10)).toBeCloseTo(3.169, 3)
  expect(studentCdf(0, 5)).toBeCloseTo(0.5, 15)
  for (const nu of [1, 4, 9]) expect(studentCdf(1.3, nu) + studentCdf(-1.3, nu)).toBeCloseTo(1, 14)
})

test("the sum of two: Cauchys add their errors, normals their squares, and one alone is itself", () => {
  const sum = (a: readonly [number, number], b: readonly [number, number], u = 0.975) =>
    sumQuantile(u, { error: a[0], nu: a[1] }, { error: b[0], nu: b[1] })
  expect(sum([1, 1], [2, 1]) / 12.706 / 3).toBeCloseTo(1, 2)
  expect(sum([3, 2000], [4, 2000]) / 5 / 1.96).toBeCloseTo(1, 2)
  // Fisher and Yates, table VI: 6 and 6 degrees, 45 degrees of angle
  expect(sum([Math.SQRT1_2, 6], [Math.SQRT1_2, 6])).toBeCloseTo(2.435, 2)
  expect(sum([2, 4], [0, 100])).toBeCloseTo(2 * 2.7764, 3)
  expect(sum([0, 4], [2, 100])).toBeCloseTo(2 * 1.984, 3)
  expect(sum([0, 4], [0, 100])).toBe(0)
  // Whichever of the two is far smaller hardly matters.
  expect(sum([1, 4], [0.001, 100]) / 2.7764).toBeCloseTo(1, 2)
  expect(sum([0.001, 4], [1, 100]) / 1.984).toBeCloseTo(1, 2)
  expect(sum([1, 4], [1, 150], 0.999)).toBeGreaterThan(sum([1, 4], [1, 150]))
})
