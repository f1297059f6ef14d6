/** A wide run compares its arms with the baseline and the arm in question, a narrow one each with each. */
import { expect, test } from "bun:test"
import { pooled } from "../statistics/sample.ts"
import { pairedDifferences, pairsOf } from "./rows.ts"

const names = (count: number) => Array.from({ length: count }, (_, i) => `arm-${i}`)

test("fifty arms are compared each with each, more with two of them", () => {
  const compared = { baseline: "arm-0", about: "arm-7" }
  expect(pairsOf(names(50), compared)).toBeUndefined()
  const pairs = pairsOf(names(1000), compared)!
  expect(pairs.length).toBe(2000)
  expect(pairs).toContainEqual(["arm-999", "arm-7"])
  expect(pairsOf(names(51), { ...compared, about: null })!.length).toBe(51)
})

test("a wanted pair is found in either order, and each pair once", () => {
  const cells = new Map([1, 2].map((seed) => [seed, [[seed, 4] as const, [1, 4] as const]] as const))
  const arms = names(4).map((name) => ({ name, samples: { share: pooled(cells) } }))
  const found = (wanted?: Parameters<typeof pairedDifferences>[2]) =>
    pairedDifferences(arms, ["share"], wanted).map(({ a, b }) => `${a} ${b}`)
  expect(found().length).toBe(6)
  expect(
    found([
      ["arm-3", "arm-1"],
      ["arm-1", "arm-3"],
      ["arm-0", "arm-0"],
    ]),
  ).toEqual(["arm-1 arm-3"])
})
