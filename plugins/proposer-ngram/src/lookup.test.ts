/** The search agrees with its definition. */
import { expect, test } from "bun:test"
import { seeded } from "@winnow/numerics"
import { placeAfterMatch } from "./lookup.ts"

/** The longest end first, and for each length the newest place first. */
const byDefinition = (text: ReadonlyArray<number>, longest: number, shortest: number): number | undefined => {
  for (let n = longest; n >= shortest; n--)
    for (let from = text.length - n - 1; from >= 0; from--)
      if (text.slice(from, from + n).join() === text.slice(-n).join()) return from + n
  return undefined
}

test("is the definition, on random texts of few and of many different tokens", () => {
  const found = { some: 0, none: 0 }
  for (let i = 0; i < 3000; i++) {
    const rng = seeded(i, "look-up")
    const V = 2 + rng.below(20)
    const text = Array.from({ length: rng.below(40) }, () => rng.below(V))
    const longest = 1 + rng.below(6)
    const shortest = 1 + rng.below(longest)
    const place = placeAfterMatch(text, longest, shortest)
    expect(place).toBe(byDefinition(text, longest, shortest))
    found[place === undefined ? "none" : "some"]++
  }
  expect(Math.min(...Object.values(found))).toBeGreaterThan(500)
})

test("the longest match wins over a newer one, the newest among equals", () => {
  //             0  1  2  3  4  5  6  7  8
  const text = [1, 2, 9, 5, 2, 7, 1, 2]
  expect(placeAfterMatch(text, 3, 1)).toBe(2) // "1 2", not the newer "2" before the 7.
  expect(placeAfterMatch(text, 1, 1)).toBe(5)
  expect(placeAfterMatch(text, 3, 3)).toBe(undefined)
  expect(placeAfterMatch([4, 4, 4], 3, 1)).toBe(2) // It overlaps the end itself.
  for (const short of [[], [1], [1, 2]]) expect(placeAfterMatch(short, 3, 1)).toBe(undefined)
})
