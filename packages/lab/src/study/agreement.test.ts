import { expect, test } from "bun:test"
import { seeded } from "@winnow/numerics"
import { agreementOf, amongTop, shortOfBest, topOverlap } from "./agreement.ts"

test("the first starts of two orders, ties sharing the places", () => {
  expect(amongTop([5, 1, 3, 4], 2)).toEqual([1, 0, 0, 1])
  expect(amongTop([5, 3, 3, 1], 2)).toEqual([1, 0.5, 0.5, 0])
  expect(amongTop([2, 2, 2, 2], 1)).toEqual([0.25, 0.25, 0.25, 0.25])
  expect(topOverlap([4, 3, 2, 1], [3, 4, 1, 2], 2)).toBe(1)
  expect(topOverlap([4, 3, 2, 1], [1, 2, 3, 4], 2)).toBe(0)
  // A score without an order finds k of n by chance.
  expect(topOverlap([7, 7, 7, 7], [1, 2, 3, 4], 2)).toBe(0.5)
})

test("the distance of the first start from the best one", () => {
  expect(shortOfBest([1, 9, 2], [0.5, 0.7, 0.9])).toBeCloseTo(0.2, 12)
  expect(shortOfBest([1, 2, 9], [0.5, 0.7, 0.9])).toBe(0)
  expect(shortOfBest([9, 9, 2], [0.5, 0.7, 0.9])).toBeCloseTo(0.3, 12)
})

test("a score that is the reached itself agrees wholly; a control that says the same leaves nothing beside it", () => {
  const reached = [0.1, 0.5, 0.3, 0.9, 0.7, 0.2]
  const own = agreementOf({ promise: reached, reached, control: reached }, 2)
  for (const name of ["tau", "weighted", "top"] as const) {
    expect(own[name]!.value).toBeCloseTo(1, 12)
    expect(own[name]!.low!).toBeCloseTo(1, 12)
  }
  expect(own.short!.high!).toBeCloseTo(0, 12)
  expect(own.beside).toBe(null)
  const reverse = agreementOf({ promise: reached.map((x) => -x), reached }, 2)
  expect([reverse.tau!.value, reverse.weighted!.value, reverse.beside]).toEqual([-1, -1, null])
})

test("no order, too few starts: no figure", () => {
  const flat = agreementOf({ promise: [3, 3, 3, 3], reached: [1, 2, 3, 4] }, 2)
  expect([flat.tau, flat.weighted]).toEqual([null, null])
  expect(flat.top!.value).toBe(0.5)
  const two = agreementOf({ promise: [1, 2], reached: [1, 2] }, 5)
  expect(Object.values(two)).toEqual([null, null, null, null, null])
})

test("a score that tells something beyond the control has a partial correlation, and one that copies it has none", () => {
  const rng = seeded(3, "beside")
  const draw = () => Array.from({ length: 40 }, () => rng.normal())
  const [control, own, noise] = [draw(), draw(), draw()]
  const reached = control.map((x, i) => x + own[i]! + 0.2 * noise[i]!)
  const tells = agreementOf({ promise: own, reached, control }, 5).beside!
  expect(tells.low!).toBeGreaterThan(0.7)
  const copy = control.map((x, i) => x + 0.05 * noise[i]!)
  const copies = agreementOf({ promise: copy, reached, control }, 5)
  expect(copies.tau!.low!).toBeGreaterThan(0.2)
  expect([copies.beside!.low! < 0, copies.beside!.high! > 0]).toEqual([true, true])
})
