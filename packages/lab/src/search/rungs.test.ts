/** The order of a search's trials: sizes of rungs, budgets, ties and losses, on cases worked out by hand. */
import { expect, test } from "bun:test"
import { Effect } from "effect"
import fc from "fast-check"
import { halving, methodSpec, randomPoints } from "../experiment/sweep.ts"
import { ofSweep } from "../record/search-sentences.ts"
import { expectedLargest } from "./chance.ts"
import { chooseBest, levelWithBest } from "./choose.ts"
import { type Answer, type Attempt, rungsOf, type SearchOf, searching, sizeOf, stepsOf } from "./rungs.ts"

const rungs = (options: Parameters<typeof halving>[0]) => rungsOf(methodSpec.assert(halving(options)), options.draws)

/** Runs a search whose scores and seconds are functions of the trial. */
const drive = (
  search: Partial<SearchOf> & Pick<SearchOf, "points">,
  scoreOf: (asked: Attempt) => Answer["score"],
  secondsOf: (asked: Attempt) => number | undefined = () => undefined,
) => {
  const whole: SearchOf = {
    ...{ rungs: { count: 1, factor: 1 }, better: "higher", trainings: 1, own: () => 1, shared: () => new Map() },
    ...search,
  }
  const steps = searching(whole)
  const portions: Array<ReadonlyArray<Attempt>> = []
  let now = steps.next()
  while (now.done !== true) {
    portions.push(now.value)
    now = steps.next(now.value.map((asked) => ({ score: scoreOf(asked), seconds: secondsOf(asked) })))
  }
  return { portions, all: now.value, names: portions.map((each) => each.map(({ point }) => point)) }
}

test("27 draws by thirds are 27, 9, 3 and 1 points of 1/27, 1/9, 1/3 and all of the steps", () => {
  const four = rungs({ draws: 27 })
  expect(four).toEqual({ count: 4, factor: 3 })
  expect([0, 1, 2, 3].map((rung) => sizeOf(27, rung, four))).toEqual([27, 9, 3, 1])
  expect([0, 1, 2, 3].map((rung) => stepsOf(270, rung, four))).toEqual([10, 30, 90, 270])
  // 10 draws: 10, 3, 1. Fewer rungs begin with more steps and end with more points.
  const three = rungs({ draws: 10 })
  expect([0, 1, 2].map((rung) => sizeOf(10, rung, three))).toEqual([10, 3, 1])
  const two = rungs({ draws: 10, factor: 2, rungs: 2 })
  expect([0, 1].map((rung) => [sizeOf(10, rung, two), stepsOf(300, rung, two)])).toEqual([
    [10, 150],
    [5, 300],
  ])
  expect(rungs({ draws: 1 })).toEqual({ count: 1, factor: 3 })
  expect(rungsOf(methodSpec.assert(randomPoints({ draws: 9 })), 9).count).toBe(1)
  expect(rungsOf(undefined, 9).count).toBe(1)
})

test("the best go on, ties by the order of the draws, and a training that stopped or is not a number never does", () => {
  const three = { count: 3, factor: 2 }
  const scores: ReadonlyArray<number | null> = [0.5, 0.9, null, 0.9, Number.NaN, 0.7]
  const { names } = drive({ points: 6, rungs: three }, ({ point }) => scores[point])
  expect(names).toEqual([[0, 1, 2, 3, 4, 5], [1, 3, 5], [1]])
  const lower = drive({ points: 6, rungs: three, better: "lower" }, ({ point }) => scores[point])
  expect(lower.names).toEqual([[0, 1, 2, 3, 4, 5], [0, 5, 1], [0]])
  // One sound training of four: it goes on alone, though two could.
  const one = drive({ points: 4, rungs: three }, ({ point }) => (point === 2 ? 0.1 : null))
  expect(one.names).toEqual([[0, 1, 2, 3], [2], [2]])
  expect(drive({ points: 4, rungs: three }, () => null).names).toEqual([[0, 1, 2, 3]])
  expect(drive({ points: 1 }, () => 0.3).names).toEqual([[0]])
})

test("a plan without scores has as many trials as the run, the first ones in the place of the best", () => {
  const { names } = drive({ points: 9, rungs: { count: 3, factor: 3 } }, () => undefined)
  expect(names).toEqual([[0, 1, 2, 3, 4, 5, 6, 7, 8], [0, 1, 2], [0]])
})

test("a budget of trainings takes the most draws whose every rung fits", () => {
  const three = { count: 3, factor: 2 }
  const trials = (trials: number, trainings = 1) =>
    drive({ points: 8, rungs: three, trainings, budget: { trials } }, ({ point }) => point).names.map(
      ({ length }) => length,
    )
  // 8 + 4 + 2, 7 + 3 + 1, 5 + 2 + 1, 4 + 2 + 1 and 1 + 1 + 1.
  expect([trials(14), trials(13), trials(8), trials(7), trials(3), trials(2)]).toEqual([
    [8, 4, 2],
    [7, 3, 1],
    [5, 2, 1],
    [4, 2, 1],
    [1, 1, 1],
    [],
  ])
  expect(trials(21, 3)).toEqual([4, 2, 1])
})

test("a budget of FLOPs counts the dearest points for later rungs, and what points share once", () => {
  const own = ({ point, rung }: Attempt) => (point + 1) * (rung === 0 ? 1 : 2)
  const shared = () => new Map([["cache", 10]])
  const sizes = (flops: number) =>
    drive({ points: 4, rungs: { count: 2, factor: 2 }, own, shared, budget: { flops } }, ({ point }) => -point).names
  // Two points: 10 + 1 + 2 and at most 4 for the best. Three: 10 + 6 and at most 6. Four: 10 + 10 and at most 8 + 6.
  expect([sizes(16), sizes(17), sizes(22), sizes(34)].map(([first]) => first?.length)).toEqual([1, 2, 3, 4])
  expect(sizes(12)).toEqual([])
})

test("a budget of seconds begins with one trial, and goes on as long as the slowest pace so far fits", () => {
  const own = ({ point }: Attempt) => (point === 3 ? 2 : 1)
  const of = (seconds: number) =>
    drive(
      { points: 8, own, budget: { seconds } },
      ({ point }) => point,
      (asked) => own(asked) * 10,
    ).names
  expect(of(5)).toEqual([[0]])
  // Portions of 1, 1, 2, 4: the fourth point is twice as dear.
  expect(of(90)).toEqual([[0], [1], [2, 3], [4, 5, 6, 7]])
  expect(of(75)).toEqual([[0], [1], [2, 3], [4, 5]])
  // A diverged training tells no time, and is taken to have used all of its own.
  const doomed = drive(
    { points: 8, budget: { seconds: 50 } },
    ({ point }) => (point === 1 ? null : 1),
    ({ point }) => (point === 1 ? undefined : 10),
  )
  expect(doomed.all.length).toBe(5)
})

test("no budget of trainings or FLOPs is passed, whatever the scores and costs", () => {
  const costs = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 })
  const limits = { count: fc.integer({ min: 1, max: 4 }), factor: fc.integer({ min: 2, max: 4 }) }
  fc.assert(
    fc.property(
      costs,
      limits.count,
      limits.factor,
      fc.integer({ min: 1, max: 400 }),
      fc.infiniteStream(fc.nat(9)),
      (c, count, factor, most, scores) => {
        const own = ({ point, rung }: Attempt) => c[point]! * factor ** rung
        const shared = (point: number) => new Map([[`text ${point % 2}`, 7]])
        const score = () => {
          const { value } = scores.next()
          return value === 0 ? null : value!
        }
        const search = { points: c.length, rungs: { count, factor }, own, shared }
        const { all } = drive({ ...search, budget: { flops: most } }, score)
        const texts = new Set(all.map(({ point }) => point % 2)).size
        expect(all.reduce((sum, asked) => sum + own(asked), 7 * texts)).toBeLessThanOrEqual(most)
        expect(drive({ ...search, trainings: 2, budget: { trials: most } }, score).all.length * 2).toBeLessThanOrEqual(
          most,
        )
      },
    ),
    { numRuns: 100 },
  )
})

test("points are compared on the longest rung that has two; the sentence has what chance gives the best of them", () => {
  const point = (rung: number, k: number, scores: ReadonlyArray<number>) => ({
    ...{ name: `k ${k}`, set: { k }, rung, steps: 10 * (rung + 1), scores: [...scores] },
    score: scores.reduce((sum, x) => sum + x, 0) / scores.length,
  })
  const tried = [point(0, 1, [0.5, 0.52]), point(0, 2, [0.6, 0.58]), point(0, 3, [0.1, 0.1]), point(1, 2, [0.8, 0.8])]
  const chosen = Effect.runSync(
    chooseBest(
      "all",
      "higher",
      tried.map((one) => ({ ...one, known: true })),
    ),
  )
  expect(chosen.chosen).toEqual({ k: 2 })
  // Residuals -0.01, 0.01, 0 and their opposites under the other seed: 4e-4 over 2 degrees of freedom.
  expect(chosen.noise).toBeCloseTo(Math.sqrt((2 * 4e-4) / 2 / 2), 12)
  expect(levelWithBest(chosen)).toBe(0)
  expect(levelWithBest({ ...chosen, noise: 0.05 })).toBe(1)
  const sweep = {
    ...{
      by: "greedyAcceptance",
      better: "higher",
      seed: 0,
      seeds: [0, 1],
      dataset: "d/validation",
      prompts: 9,
      gamma: 4,
    },
    ...{ over: { k: [1, 2, 3] }, flops: 1e9, trials: 8, seconds: 5 },
    arms: [{ ...chosen, cost: { trials: 8, flops: 1e9, seconds: 5 } }],
  } as unknown as NonNullable<Parameters<typeof ofSweep>[0]["sweep"]>
  const said = ofSweep({ sweep })
  expect(said).toContain("a search of equal size for all, 8 trainings and about 1.00G FLOPs that are in no arm's cost")
  // 0.8463 times 0.0141 / sqrt 2.
  expect(said).toContain("would still be ahead of their mean by 0.008 for all (of 3)")
  expect(said).not.toContain("One seed")
})

test("the expected largest of n normals is that of the tables", () => {
  // 1/sqrt(pi), 3/(2 sqrt(pi)), and tabulated values.
  expect(expectedLargest(1)).toBeCloseTo(0, 9)
  expect(expectedLargest(2)).toBeCloseTo(1 / Math.sqrt(Math.PI), 8)
  expect(expectedLargest(3)).toBeCloseTo(1.5 / Math.sqrt(Math.PI), 8)
  expect(expectedLargest(5)).toBeCloseTo(1.16296447, 6)
  expect(expectedLargest(10)).toBeCloseTo(1.53875273, 6)
  expect(expectedLargest(1000)).toBeCloseTo(3.24143577, 5)
})
