import { expect, test } from "bun:test"
import { learningRateAt, optimizerOptions } from "./schedule.ts"

const rates = (options: object, steps: number, at: ReadonlyArray<number>) => {
  const checked = optimizerOptions.assert({ learningRate: 1, warmup: 10, finalFraction: 0.1, ...options })
  return at.map((step) => Number(learningRateAt(checked, step, steps).toFixed(6)))
}

test("the warm-up is a line in every schedule, above 0 from the first step on", () => {
  for (const schedule of ["constant", "cosine", "decay"])
    expect(rates({ schedule }, 100, [0, 4, 9])).toEqual([0.1, 0.5, 1])
})

test("decay is constant up to its share of the steps, then 1 - sqrt down to the final fraction", () => {
  const of = (share: number) => 0.1 + 0.9 * (1 - Math.sqrt(share))
  const at = [10, 79, 80, 85, 90, 100].map((step) => step)
  const expected = [1, 1, 1, of(0.25), of(0.5), 0.1].map((rate) => Number(rate.toFixed(6)))
  expect(rates({ schedule: "decay" }, 100, at)).toEqual(expected)
  expect(rates({ schedule: "decay", decayShare: 0.5 }, 100, [49, 50, 75])).toEqual([1, 1, Number(of(0.5).toFixed(6))])
})

test("a decay that is longer than the steps after the warm-up begins there", () => {
  expect(rates({ schedule: "decay", decayShare: 1 }, 20, [9, 10, 20])).toEqual([1, 1, 0.1])
  expect(rates({ schedule: "decay" }, 5, [4])).toEqual([0.5])
})
