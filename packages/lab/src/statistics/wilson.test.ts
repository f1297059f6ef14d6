import { expect, test } from "bun:test"
import { wilson } from "./wilson.ts"

test("the score interval of textbook cases, of none and of all", () => {
  // Newcombe 1998, table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29
  for (const [right, n, low, high] of [
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ] as const) {
    const interval = wilson(right, n)
    expect(interval.value).toBe(right / n)
    expect(interval.low).toBeCloseTo(low, 4)
    expect(interval.high).toBeCloseTo(high, 4)
  }
  expect(wilson(20, 20).high).toBe(1)
  expect(wilson(20, 20).low).toBeCloseTo(1 - 0.1611, 4)
})
