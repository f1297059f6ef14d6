import { expect, test } from "bun:test"
import { studentCdf, studentQuantile } from "./student-t.ts"

test("quantiles agree with the tables", () => {
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
