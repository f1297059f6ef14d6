import { expect, test } from "bun:test"
import { crossedErrors, halfWidth, isFloored } from "./crossed.ts"
import { studentQuantile } from "./student-t.ts"

test("two seeds, two prompts, by hand", () => {
  // Seeds' means 0, 0. Prompts' means 2, -2: (4 + 4) / 2 = 4. Rests -1, 1, 1, -1: 4 / (2 * 2 * 1 * 1) = 1.
  expect(
    crossedErrors([
      [1, -1],
      [3, -3],
    ]),
  ).toEqual({ errors: { seeds: 0, prompts: Math.sqrt(3), noise: 1 }, cut: false })
  // Seeds' means 2, -2: 4. Prompts' means 0, 0: 0. This is below the noise of 1, so their part is cut.
  expect(
    crossedErrors([
      [1, 3],
      [-1, -3],
    ]),
  ).toEqual({ errors: { seeds: 2, prompts: 0, noise: 1 }, cut: true })
})

test("three seeds, two prompts, by hand", () => {
  // Means of seeds 1, 4, 4, whole 3: (4 + 1 + 1) / 6 = 1. Of prompts 2, 4: (1 + 1) / 2 = 1.
  // Rests 1, -1, 0, 0, -1, 1: 4 / (3 * 2 * 2 * 1) = 1 / 3.
  const { errors, cut } = crossedErrors([
    [1, 1],
    [3, 5],
    [2, 6],
  ])
  expect(errors.seeds).toBeCloseTo(1, 14)
  expect(errors.prompts).toBeCloseTo(Math.sqrt(2 / 3), 14)
  expect(errors.noise).toBeCloseTo(Math.sqrt(1 / 3), 14)
  expect(cut).toBe(false)
})

test("one seed has the error of prompts alone; equal cells have no error", () => {
  expect(crossedErrors([[1, 2, 3]])).toEqual({ errors: { seeds: 0, prompts: Math.sqrt(2 / 6), noise: 0 }, cut: false })
  const same = [
    [5, 5, 5],
    [5, 5, 5],
  ]
  expect(crossedErrors(same)).toEqual({ errors: { seeds: 0, prompts: 0, noise: 0 }, cut: false })
})

test("half of the width: the root of seeds' and prompts' squares, never less than prompts alone", () => {
  const [t4, t9] = [studentQuantile(0.975, 4), studentQuantile(0.975, 9)]
  const wide = { seeds: 2, prompts: 1, noise: 0.5 }
  expect(halfWidth(wide, 5, 10)).toBeCloseTo(Math.sqrt((2 * t4) ** 2 + t9 ** 2), 12)
  expect(isFloored(wide, 5, 10)).toBe(false)
  // Seeds that agree by chance: the error of prompts alone is the root of their own part and the noise.
  const lucky = { seeds: 0.1, prompts: 0, noise: 1 }
  expect(halfWidth(lucky, 5, 10)).toBeCloseTo(t9, 12)
  expect(isFloored(lucky, 5, 10)).toBe(true)
  expect(halfWidth(lucky, 5, 10, 0.99)).toBeCloseTo(studentQuantile(0.995, 9), 12)
  expect(halfWidth({ seeds: 0, prompts: 3, noise: 0 }, 1, 10)).toBeCloseTo(3 * t9, 12)
})
