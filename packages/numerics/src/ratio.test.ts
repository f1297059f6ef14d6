import { expect, test } from "bun:test"
import { type Cell, medianError, medianInfluence, ownRatios, ratioInfluence } from "./ratio.ts"

test("a pooled ratio and the influence of each cell, by hand", () => {
  // 6 of 8; the mean denominator is 2. (2 - 0.75 * 2) / 2, (1 - 0.75 * 2) / 2, ...
  const { value, z_SP } = ratioInfluence([
    [
      [2, 2],
      [1, 2],
    ],
    [
      [3, 3],
      [0, 1],
    ],
  ])
  expect(value).toBe(0.75)
  expect(z_SP.map((z_P) => [...z_P])).toEqual([
    [0.25, -0.25],
    [0.375, -0.375],
  ])
})

test("prompts without a tested token have no influence; if no prompt has one there is no value", () => {
  const cells: ReadonlyArray<Cell> = [
    [1, 2],
    [0, 0],
    [3, 4],
  ]
  expect([...ratioInfluence([cells]).z_SP[0]!][1]).toBe(0)
  expect(ratioInfluence([ownRatios(cells)]).value).toBe((0.5 + 0.75) / 2)
  expect(ratioInfluence([[[0, 0]]]).value).toBeNaN()
})

test("the error of a median fits a normal sample, and its influence has that spread", () => {
  // For n normal values it is 1.2533 / sqrt(n); order statistics of 1 to 99 are normal scores here.
  const scores = Array.from({ length: 99 }, (_, i) => Math.tan(Math.PI * ((i + 1) / 100 - 0.5)))
  // For a Cauchy sample the density in the middle is 1 / pi: pi / (2 sqrt(n)).
  expect(medianError(scores) / (Math.PI / 2 / Math.sqrt(99))).toBeWithin(0.9, 1.15)
  const { value, z_SP } = medianInfluence([[scores]])
  expect(value).toBeCloseTo(0, 12)
  const variance = z_SP[0]!.reduce((sum, z) => sum + z * z, 0) / (99 * 98)
  expect(Math.sqrt(variance)).toBeCloseTo(medianError(scores), 12)
})

test("a figure over rounds is a median of medians; seeds that differ move it by their distance", () => {
  const one = [
    [1, 2, 9],
    [3, 1, 2],
    [5, 5, 5],
  ]
  expect(medianInfluence([one]).value).toBe(2)
  const two = medianInfluence([[[1, 2, 3]], [[3, 4, 5]]])
  expect(two.value).toBe(3)
  expect(two.z_SP.map((z_P) => z_P.reduce((a, b) => a + b, 0) / 3)).toEqual([-1, 1])
  // Equal values give no information on their spread.
  expect([...medianInfluence([[[2, 2, 2]]]).z_SP[0]!]).toEqual([0, 0, 0])
})
