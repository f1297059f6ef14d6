/** Means over runs: by hand, at the edges, and their coverage when targets differ. */
import { expect, test } from "bun:test"
import { overRuns } from "./over-runs.ts"
import { normals, seeded } from "./rng.ts"

const sure = { seeds: 0, prompts: 0, noise: 0 }

test("three runs by hand", () => {
  // Mean 2, deviation 1, Student's t of two degrees at 97.5 %: 4.302653.
  const found = overRuns(
    [1, 2, 3].map((value) => ({ value, seeds: 5, errors: { seeds: 0.3, prompts: 0.4, noise: 0 } })),
    undefined,
  )
  expect(found.value).toBeCloseTo(2, 12)
  expect(found.spread).toBeCloseTo(1, 12)
  expect(found.high - found.value).toBeCloseTo(4.302653 / Math.sqrt(3), 5)
  expect(found.value - found.low).toBeCloseTo(found.high - found.value, 12)
  // 1 - 0.09 - 0.16 is left of the variance.
  expect(found.between).toBeCloseTo(Math.sqrt(0.75), 12)
})

test("prompts that the runs share widen the interval, and stay out of the spread between runs", () => {
  const runs = [1, 2, 3].map((value) => ({ value, seeds: 5, errors: { seeds: 0.3, prompts: 0.4, noise: 0 } }))
  const [own, shared] = [overRuns(runs, undefined), overRuns(runs, 101)]
  // Student's t of 100 degrees at 97.5 %: 1.983972.
  expect((shared.high - shared.value) ** 2).toBeCloseTo((own.high - own.value) ** 2 + (1.983972 * 0.4) ** 2, 5)
  expect(shared.between).toBeCloseTo(Math.sqrt(1 - 0.09), 12)
})

test("one run has no interval, equal runs have no width, noise alone has no spread between runs, none is refused", () => {
  expect(overRuns([{ value: 2, seeds: 5, errors: sure }], 10)).toMatchObject({ value: 2, runs: 1, low: Number.NaN })
  expect(
    overRuns(
      [2, 2].map((value) => ({ value, seeds: 5, errors: sure })),
      undefined,
    ),
  ).toMatchObject({ low: 2, high: 2, between: 0 })
  const noisy = [1, 1.1].map((value) => ({ value, seeds: 5, errors: { seeds: 1, prompts: 0, noise: 0 } }))
  expect(overRuns(noisy, undefined).between).toBe(0)
  expect(() => overRuns([], 10)).toThrow("found no run")
})

test("runs that lie together by luck have the interval of these very runs, from their seeds", () => {
  const errors = { seeds: 1, prompts: 0, noise: 0 }
  const runs = [2, 2.01, 2.02].map((value) => ({ value, seeds: 5, errors }))
  const found = overRuns(runs, undefined)
  expect(found.floor).toBe(true)
  // Student's t of 3 (5 - 1) degrees at 97.5 %: 2.178813.
  expect(found.high - found.value).toBeCloseTo(2.178813 / Math.sqrt(3), 5)
  // The prompts that they share are added, as ever.
  const shared = overRuns(
    runs.map((run) => ({ ...run, errors: { ...errors, prompts: 0.4 } })),
    101,
  )
  expect((shared.high - shared.value) ** 2).toBeCloseTo(2.178813 ** 2 / 3 + (1.983972 * 0.4) ** 2, 5)
  // Runs of one seed say nothing of seeds.
  const one = runs.map((run) => ({ ...run, seeds: 1, errors: sure }))
  expect(overRuns(one, undefined)).toMatchObject({ floor: false })
})

test("the interval holds the mean of all targets in about 95 of 100 draws of five, prompts shared", () => {
  const [R, P, draws] = [5, 100, 2000]
  let held = 0
  for (let draw = 0; draw < draws; draw++) {
    const rng = seeded(17, draw)
    const targets = normals(R, 1, rng)
    const noise = normals(R, 0.5, rng)
    const prompt = normals(1, 0.6, rng)[0]!
    const runs = Array.from({ length: R }, (_, r) => ({
      value: 3 + targets[r]! + noise[r]! + prompt,
      seeds: 5,
      errors: { seeds: 0.5, prompts: 0.6, noise: 0 },
    }))
    const { low, high } = overRuns(runs, P)
    if (low <= 3 && 3 <= high) held++
  }
  expect(held / draws).toBeGreaterThan(0.935)
  expect(held / draws).toBeLessThan(0.99)
})
