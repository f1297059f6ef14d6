import { expect, test } from "bun:test"
import { halfWidth, seeded } from "@winnow/numerics"
import { counts, coverage, type Effects, mixtures, normal } from "../../test/coverage.ts"
import { difference, estimate } from "./interval.ts"
import { intervalText } from "./interval-text.ts"
import { type Cells_P, medianOfRounds, perPrompt, pooled } from "./sample.ts"

type Mixture = readonly [name: string, effects: Effects]

/** Coins of chance p: heads of 20 for each seed and prompt. */
const coins = (p: number, S: number, P: number, path: string) => {
  const rng = seeded(3, path)
  const heads = () => Array.from({ length: 20 }, () => rng.uniform() < p).filter(Boolean).length
  const cells = (): Cells_P => Array.from({ length: P }, () => [heads(), 20] as const)
  return new Map(Array.from({ length: S }, (_, s) => [s, cells()] as const))
}

test("the value is the pooled ratio, the prompts' own mean or the median; the interval has the width of theory", () => {
  const cells: Cells_P = [
    [1, 2],
    [30, 40],
  ]
  expect(estimate(pooled(new Map([[1, cells]]))).value).toBeCloseTo(31 / 42, 12)
  expect(estimate(perPrompt(new Map([[1, cells]]))).value).toBeCloseTo((0.5 + 0.75) / 2, 12)
  // The mean leaves out a prompt without a tested token.
  expect(estimate(perPrompt(new Map([[1, [...cells, [0, 0]] as Cells_P]]))).value).toBeCloseTo(0.625, 12)
  const wide = estimate(pooled(coins(0.6, 1, 400, "one")))
  const theory = 2 * 1.966 * Math.sqrt((0.6 * 0.4) / (400 * 20))
  expect((wide.high - wide.low) / theory).toBeGreaterThan(0.9)
  expect((wide.high - wide.low) / theory).toBeLessThan(1.1)
  const ratios = [
    [1, 2, 9],
    [3, 1, 2],
    [5, 5, 5],
  ]
  expect(estimate(medianOfRounds(new Map([[1, ratios]]))).value).toBe(2)
})

test("a difference of arms that share their prompts is narrower than their intervals", () => {
  const hard = Array.from({ length: 50 }, (_, i) => (i % 2 === 0 ? 4 : 16))
  const at = (more: number) => pooled(new Map([[1, hard.map((h) => [h + more, 20] as const)]]))
  const [a, b] = [at(2), at(0)]
  const d = difference(a, b)!
  expect(d.value).toBeCloseTo(0.1, 12)
  // Each prompt differs by the same amount, so there is no spread and no interval, however sure the difference.
  expect([d.low, d.high]).toEqual([Number.NaN, Number.NaN])
  expect(d.errors).toEqual({ seeds: 0, prompts: 0, noise: 0 })
  expect(estimate(a).high - estimate(a).low).toBeGreaterThan(0.1)
  const nearly = pooled(new Map([[1, hard.map((h, i) => [h + 2 + (i % 5 === 0 ? 1 : 0), 20] as const)]]))
  expect(difference(nearly, b)!.high - difference(nearly, b)!.low).toBeLessThan(0.02)
  expect(difference(a, a)).toMatchObject({ value: 0, low: Number.NaN, high: Number.NaN })
})

test("seeds that agree by luck do not make an interval that is narrower than prompts alone make it", () => {
  // Heads of 20 by prompt: prompts differ under each seed, and the seeds are opposites, so all means agree.
  const up = Array.from({ length: 30 }, (_, p) => [10 + (p % 2 === 0 ? 4 : -4), 20] as const)
  const down = up.map(([n, of]) => [20 - n, of] as const)
  const both = estimate(
    pooled(
      new Map([
        [1, up],
        [2, down],
      ]),
    ),
  )
  expect(both).toMatchObject({ value: 0.5, cut: true, floor: true })
  expect(both.errors!.seeds).toBeCloseTo(0, 12)
  expect(both.errors!.prompts).toBe(0)
  const { noise } = both.errors!
  expect(both.high - both.value).toBeCloseTo(halfWidth({ seeds: 0, prompts: noise, noise: 0 }, 1, 30), 12)
  for (const S of [2, 3, 5])
    for (const path of ["u", "v", "w", "x", "y"]) {
      const cells = coins(0.6, S, 20, path)
      const { high, value, errors } = estimate(pooled(cells))
      const { seeds, prompts, noise } = errors!
      expect(high - value).toBeGreaterThanOrEqual(0.999999 * halfWidth({ seeds, prompts: 0, noise: 0 }, S, 20))
      const alone = halfWidth({ seeds: 0, prompts: Math.hypot(prompts, noise), noise: 0 }, 1, 20)
      expect(high - value).toBeGreaterThanOrEqual(0.999999 * alone)
    }
})

test("differences use the seeds that both have, and refuse other prompts", () => {
  const cells = coins(0.5, 4, 30, "a")
  const others = coins(0.6, 4, 30, "b")
  const without = (seed: number) => pooled(new Map([...others].filter(([s]) => s !== seed)))
  const some = difference(pooled(cells), without(2))!
  expect(some.pairedSeeds).toEqual([0, 1, 3])
  const same = difference(pooled(new Map([...cells].filter(([s]) => s !== 2))), without(2))!
  expect(some).toEqual(same)
  expect(difference(pooled(new Map([[7, cells.get(0)!]])), without(2))).toBeUndefined()
  expect(() => difference(pooled(cells), pooled(coins(0.5, 4, 31, "c")))).toThrow(
    "paired difference of 30 prompts and 31; expected the same prompts",
  )
  expect(() =>
    pooled(
      new Map([
        [1, [[1, 2]] as Cells_P],
        [2, [] as Cells_P],
      ]),
    ),
  ).toThrow("all with the same prompts")
})

test("no interval where none can be made", () => {
  const one = estimate(pooled(new Map([[1, [[3, 4]] as Cells_P]])))
  expect(one.value).toBe(0.75)
  expect([one.low, one.high]).toEqual([Number.NaN, Number.NaN])
  expect(
    estimate(
      pooled(
        coins(0.5, 2, 10, "x")
          .set(0, Array(10).fill([0, 0]))
          .set(1, Array(10).fill([0, 0])),
      ),
    ).value,
  ).toBeNaN()
})

test("an interval is the same every time, and wider at a higher level", () => {
  const [a, b] = [estimate(pooled(coins(0.6, 5, 40, "s"))), estimate(pooled(coins(0.6, 5, 40, "s")))]
  expect(a).toEqual(b)
  expect(halfWidth(a.errors!, 5, 40)).toBeCloseTo(a.high - a.value, 12)
  expect(halfWidth(a.errors!, 5, 40, 0.995)).toBeGreaterThan(1.4 * halfWidth(a.errors!, 5, 40))
})

test("an interval is called what it is", () => {
  expect(intervalText(1)).toContain("under this one seed and target: nothing is said of other seeds")
  expect(intervalText(2)).toContain("12.7 standard errors")
  expect(intervalText(4)).toContain("3.2 standard errors")
  for (const seeds of [5, 20])
    expect(intervalText(seeds)).toBe(
      `95 % for new seeds and prompts, this target: Student's t over ${seeds} seeds and over prompts, squares added, never less than prompts alone give`,
    )
})

test("simulated: with the floor intervals hold also where the prompts' part is cut and where seeds agree by luck", () => {
  const [[, noise], [, few], [, both], [, seeds]] = mixtures as [Mixture, Mixture, Mixture, Mixture]
  for (const S of [2, 3, 5]) {
    const c = coverage(normal(noise), S, 60, 600)
    expect(c.coverageRate).toBeGreaterThan(0.96)
    expect(c.cut.share).toBeGreaterThan(0.4)
    expect(c.cut.coverageRate).toBeGreaterThan(0.95)
    expect(c.agreeing.coverageRate).toBeGreaterThan(0.88)
    expect(c.agreeing.unfloored).toBeLessThan(0.85)
  }
  for (const effects of [few, both, seeds]) {
    const c = coverage(normal(effects), 5, 60, 600)
    expect(c.coverageRate).toBeWithin(0.925, 0.99)
    expect(c.width).toBeLessThan(2.95)
  }
  // Yes and no by token, uneven prompts, two arms.
  const c = coverage(counts({ seed: 0.05, prompt: 0.2, noise: 0.3 }), 3, 40, 300)
  expect(c.coverageRate).toBeWithin(0.94, 1.001)
  expect(coverage(normal(seeds), 5, 60, 200, 200).percentile).toBeLessThan(0.91)
})
