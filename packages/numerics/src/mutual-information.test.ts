import { expect, test } from "bun:test"
import { informationShare, labelEntropy, mutualInformation } from "./mutual-information.ts"
import { seeded } from "./rng.ts"

test("by hand: equal labels share their entropy, crossed ones nothing, half of one a half", () => {
  const a = [0, 0, 1, 1]
  expect(labelEntropy(a)).toBeCloseTo(Math.log(2), 12)
  expect(mutualInformation(a, a)).toBeCloseTo(Math.log(2), 12)
  expect(mutualInformation(a, [0, 1, 0, 1])).toBeCloseTo(0, 12)
  // b tells of the first two items that a is 0, and nothing else is to be told.
  expect(mutualInformation(a, [5, 5, 7, 8])).toBeCloseTo(Math.log(2), 12)
  expect(() => mutualInformation(a, [1])).toThrow("lists of 4 and 1 labels")
})

test("as the double sum over the joint distribution", () => {
  const rng = seeded(1)
  const [a, b] = [Array.from({ length: 300 }, () => rng.below(3)), Array.from({ length: 300 }, () => rng.below(4))]
  let slow = 0
  for (let x = 0; x < 3; x++)
    for (let y = 0; y < 4; y++) {
      const joint = a.filter((_, n) => a[n] === x && b[n] === y).length / 300
      const [p, q] = [a.filter((one) => one === x).length / 300, b.filter((one) => one === y).length / 300]
      if (joint > 0) slow += joint * Math.log(joint / (p * q))
    }
  expect(mutualInformation(a, b)).toBeCloseTo(slow, 12)
})

test("the share is 1 of a function, 0 of independent labels however many values there are", () => {
  const rng = seeded(2)
  const b = Array.from({ length: 2000 }, () => rng.below(300))
  const noise = b.map(() => rng.below(3))
  const of = (a: ReadonlyArray<number>) => informationShare(a, b, seeded(3))
  expect(of(b.map((x) => x % 4))).toBeCloseTo(1, 9)
  expect(Math.abs(of(noise))).toBeLessThan(0.02)
  expect(mutualInformation(noise, b)).toBeGreaterThan(0.1) // what counting alone says of noise
  expect(of(b.map((x, n) => (n % 2 === 0 ? x % 4 : rng.below(4))))).toBeWithin(0.2, 0.6)
  expect(of(b.map(() => 1))).toBe(0)
})
